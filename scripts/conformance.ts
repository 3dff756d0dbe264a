import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createPostgresBackend, createRedisBackend } from 'bullmq';
import type { EngineUnderTest } from '../src/engines/conformance/engine.ts';
import { canonical, type Json, sortKeys } from '../src/engines/conformance/json.ts';
import { type Result, runBehaviours } from '../src/engines/conformance/run.ts';
import { type Server, startPostgres, startRedis } from './servers.ts';

const answersFile = new URL('../src/engines/conformance/answers.json', import.meta.url);
const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    filter: { type: 'string', default: '' },
    record: { type: 'boolean', default: false },
  },
});
let server: Server | undefined;

async function engineNamed(name: string): Promise<EngineUnderTest> {
  if (name === 'redis') {
    const { port } = (server = await startRedis());
    return { name, factory: createRedisBackend, connection: () => ({ host: '127.0.0.1', port }) };
  }
  if (name === 'postgres') {
    const { url } = (server = await startPostgres());
    return { name, factory: createPostgresBackend, connection: () => ({ connectionString: url, max: 3 }) };
  }
  throw new Error(`--engine must be redis, postgres or sqlite; got ${name}`);
}

const engine = await engineNamed(values.engine);
const results = await runBehaviours(engine, values.filter);
await server?.stop();
const recorded = JSON.parse(readFileSync(answersFile, 'utf8')) as Record<string, Json>;
if (values.record) {
  for (const r of results) {
    if (r.answer !== undefined) recorded[r.key] = r.answer;
    else console.error(r.key, r.error);
  }
  writeFileSync(answersFile, `${JSON.stringify(sortKeys(recorded), null, 1)}\n`);
}
const ok = (r: Result) =>
  r.answer !== undefined && canonical(r.answer) === canonical(recorded[r.key] ?? null);
console.log(
  results.filter(ok).length,
  'of',
  results.length,
  Math.round(results.reduce((s, r) => s + r.took, 0)),
  'ms',
);
process.exit(0);
