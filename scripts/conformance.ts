import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createPostgresBackend, createRedisBackend } from 'bullmq';
import type { EngineUnderTest } from '../src/engines/conformance/index.ts';
import {
  canonical,
  type Json,
  type Result,
  runBehaviours,
  sortKeys,
} from '../src/engines/conformance/index.ts';
import { FailoverUnderTest } from '../test/conformance/failover-engines.ts';
import { differenceOf } from '../test/conformance/switching-differences.ts';
import { startPostgres, startRedis } from '../test/servers/index.ts';
import { describeSwitched, runAllSwitching } from './switching.ts';

const usage = `usage: npm run conformance -- --engine sqlite|redis|postgres|failover|failover-standby [--filter text] [--record]
       npm run conformance -- --engine failover-switching [--seed n] [--flavour return|blip] [--at call|every] [--filter text]
  --record  redis: write the answers every engine is held to
            postgres: write the table of differences into docs/engines.md`;

const answersFile = new URL('../src/engines/conformance/answers.json', import.meta.url);
const enginesDoc = new URL('../docs/engines.md', import.meta.url);

interface Started {
  engine: EngineUnderTest;
  stop(): Promise<void>;
}

/** Starts what the named engine needs: a server of its own, or a folder for its file. */
async function start(name: string): Promise<Started> {
  if (name === 'redis') {
    const server = await startRedis();
    const connection = () => ({ host: '127.0.0.1', port: server.port });
    return { engine: { name, factory: createRedisBackend, connection }, stop: () => server.stop() };
  }
  if (name === 'postgres') {
    const server = await startPostgres();
    const connection = () => ({ connectionString: server.url, max: 3, migrate: true });
    return {
      engine: { name, factory: createPostgresBackend, connection, oldestEvent: '0' },
      stop: () => server.stop(),
    };
  }
  if (name === 'sqlite') {
    const { startSqlite } = await import('./sqlite-engine.ts');
    return startSqlite();
  }
  if (name === 'failover' || name === 'failover-standby') {
    const failover = new FailoverUnderTest(name, name === 'failover' ? 'primary' : 'standby');
    await failover.start();
    return { engine: failover.engine, stop: () => failover.stop() };
  }
  console.error(usage);
  process.exit(2);
}

const readAnswers = () => JSON.parse(readFileSync(answersFile, 'utf8')) as Record<string, Json>;

/** Keeps the recorded answers of behaviours that did not run; drops none. */
function record(results: readonly Result[], whole: boolean): void {
  const kept = whole ? {} : readAnswers();
  for (const { key, answer } of results) if (answer !== undefined) kept[key] = answer;
  writeFileSync(answersFile, `${JSON.stringify(sortKeys(kept), null, 1)}\n`);
}

function report(
  results: readonly Result[],
  passed: (result: Result) => boolean,
  answers: Record<string, Json>,
) {
  for (const result of results.filter(it => !passed(it))) {
    const got = result.error ? result.error.message : canonical(result.answer ?? null);
    console.log(
      `FAILED ${result.key}\n  expected ${canonical(answers[result.key] ?? null)}\n  got      ${got}`,
    );
  }
  for (const group of new Set(results.map(it => it.group))) {
    const members = results.filter(it => it.group === group);
    const good = members.filter(passed).length;
    const ms = Math.round(members.reduce((sum, it) => sum + it.took, 0));
    console.log(
      `${good === members.length ? 'ok    ' : 'FAILED'} ${group}: ${good} of ${members.length}, ${ms} ms`,
    );
  }
  console.log(`${results.filter(passed).length} of ${results.length} behaviours`);
}

/** An answer short enough for a table cell. */
function cell(text: string): string {
  const short = text.length > 150 ? `${text.slice(0, 149)}…` : text;
  return short.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('`', "'");
}

/** Only the places where two answers differ, each as `path: value`. */
function difference(expected: Json, got: Json, path = ''): [string, string][] {
  if (canonical(expected) === canonical(got)) return [];
  const isObject = (it: Json) => it !== null && typeof it === 'object' && !Array.isArray(it);
  if (isObject(expected) && isObject(got)) {
    const [left, right] = [expected as Record<string, Json>, got as Record<string, Json>];
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].flatMap(key =>
      difference(left[key] ?? 'absent', right[key] ?? 'absent', `${path}${key}.`),
    );
  }
  const label = path ? `${path.slice(0, -1)}: ` : '';
  return [[`${label}${JSON.stringify(expected)}`, `${label}${JSON.stringify(got)}`]];
}

function writeDifferences(results: readonly Result[], answers: Record<string, Json>): void {
  const rows = results.flatMap(({ key, answer, error }) => {
    const expected = answers[key] ?? null;
    if (answer !== undefined && canonical(answer) === canonical(expected)) return [];
    const parts =
      answer === undefined
        ? [[JSON.stringify(expected), `error: ${error?.message}`]]
        : difference(expected, answer);
    const side = (n: 0 | 1) => cell(parts.map(part => part[n]).join('; '));
    return [`| ${cell(key)} | \`${side(0)}\` | \`${side(1)}\` |`];
  });
  const [from, to] = ['<!-- conformance:postgres:start -->', '<!-- conformance:postgres:end -->'];
  const table = [
    `${results.length - rows.length} of ${results.length} behaviours are the same; these ${rows.length} are not.`,
    '',
    '| behaviour | Redis answers | PostgreSQL answers |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
  const doc = readFileSync(enginesDoc, 'utf8');
  const [before, after] = [doc.split(from)[0] ?? '', doc.split(to)[1] ?? '\n'];
  writeFileSync(enginesDoc, `${before}${from}\n${table}\n${to}${after}`);
}

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    filter: { type: 'string', default: '' },
    record: { type: 'boolean', default: false },
    seed: { type: 'string' },
    at: { type: 'string' },
    flavour: { type: 'string' },
  },
});
// A rejection nobody waits for belongs to some behaviour: it is reported, and fails the run at its end.
const strays: unknown[] = [];
process.on('unhandledRejection', reason => strays.push(reason));
if (values.engine === 'failover-switching') {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const at = values.at === undefined || values.at === 'every' ? values.at : Number(values.at);
  console.log(`seed ${seed}`);
  const known = readAnswers();
  const results = await runAllSwitching(
    { filter: values.filter, seed, at, flavour: values.flavour as never },
    known,
  );
  const different = results.filter(({ passed }) => !passed);
  const failed = different.filter(
    ({ key, flavour, operation }) => differenceOf(flavour, key, operation) === undefined,
  );
  for (const result of failed) console.log(describeSwitched(result, known[result.key] ?? null));
  for (const stray of strays) console.log('UNHANDLED', stray);
  console.log(
    `${results.length - different.length} of ${results.length} runs; known differences: ${different.length - failed.length}`,
  );
  process.exit(failed.length + strays.length === 0 ? 0 : 1);
}
const { engine, stop } = await start(values.engine);
// Where PostgreSQL's answer is another one, a behaviour may wait in vain; two seconds are more than Redis ever needs.
const results = await runBehaviours(engine, values.filter, engine.name === 'postgres' ? 2_000 : undefined);
await stop();
if (values.record && engine.name === 'redis') record(results, values.filter === '');
const answers = readAnswers();
if (values.record && engine.name === 'postgres') writeDifferences(results, answers);
const passed = ({ key, answer }: Result) =>
  answer !== undefined && canonical(answer) === canonical(answers[key] ?? null);
report(results, passed, answers);
for (const stray of strays) console.log('UNHANDLED', stray);
process.exit(results.every(passed) && strays.length === 0 ? 0 : 1);
