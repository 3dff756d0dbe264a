import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageJson, ROOT, type RunResult, run, runTool } from '../support/run.ts';
import { installInto, withTarball } from './tarball.ts';

/**
 * The package as its users get it: every entry of `exports` can be imported, on the Node we develop on and on the
 * oldest we promise, its types compile under both ways of resolving modules, the embedded engine passes the
 * conformance suite on that oldest Node (whose SQLite and bindings are older too), and the failover engine does a job
 * there without its Redis.
 */
export function checkExports(): Promise<RunResult> {
  return withTarball(async (tarball, folder) => {
    const project = join(folder, 'consumer');
    await installInto(project, tarball);
    writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n');
    const missing = missingFiles(join(project, 'node_modules', packageJson().name));
    if (missing.length > 0) return failed(missing.join('\n'));
    const results = [
      await importsRun(project, process.execPath),
      await importsRun(project, await oldestNode()),
      await suiteRuns(project, await oldestNode()),
      await failoverRuns(project, await oldestNode()),
    ];
    for (const resolution of ['nodenext', 'bundler'] as const)
      results.push(await typesCompile(project, resolution));
    const output = results.map(result => result.output.trimEnd()).join('\n');
    return results.every(result => result.ok) ? { ok: true, code: 0, output: `${output}\n` } : failed(output);
  });
}

function failed(output: string): RunResult {
  return { ok: false, code: 1, output: `${output}\n` };
}

/** Files named in `exports` that the tarball does not hold. */
function missingFiles(installed: string): string[] {
  return Object.entries(packageJson().exports).flatMap(([subpath, target]) => {
    const files = typeof target === 'string' ? [target] : Object.values(target);
    return files
      .filter(file => !existsSync(join(installed, file)))
      .map(file => `exports["${subpath}"] names ${file}, which the package does not hold`);
  });
}

function entryPoints(): string[] {
  const { name, exports } = packageJson();
  const modules = Object.keys(exports).filter(subpath => !subpath.endsWith('.json'));
  return modules.map(subpath => name + subpath.slice(1));
}

async function importsRun(project: string, node: string): Promise<RunResult> {
  const file = join(project, 'import-all.mjs');
  const lines = entryPoints().map(
    entry => `import * as ${identifier(entry)} from '${entry}';
if (Object.keys(${identifier(entry)}).length === 0) throw new Error('${entry} exports nothing');
if ('default' in ${identifier(entry)}) throw new Error('${entry} has a default export');`,
  );
  const manifest = `import manifest from '${packageJson().name}/package.json' with { type: 'json' };`;
  const report = `console.log('imported', ${entryPoints().length}, 'entries of', manifest.version, 'on', process.version);`;
  writeFileSync(file, [manifest, ...lines, report, ''].join('\n'));
  return run(node, ['--disable-warning=ExperimentalWarning', file], { cwd: project });
}

async function suiteRuns(project: string, node: string): Promise<RunResult> {
  const file = join(project, 'suite.test.mjs');
  const { name } = packageJson();
  const source = `import { describe, it } from 'node:test';
import { conformance } from '${name}/conformance';
import { createSqliteBackend } from '${name}/sqlite';
// Most of a behaviour's time is waiting.
const together = (name, body) => describe(name, { concurrency: 4 }, body);
conformance({ describe: together, it, engine: { name: 'sqlite', factory: createSqliteBackend, connection: () => ({ file: './suite.db' }) } });
`;
  writeFileSync(file, source);
  const flags = ['--disable-warning=ExperimentalWarning', '--test-reporter=spec'];
  const result = await run(node, [...flags, file], { cwd: project });
  if (!result.ok) return failed(`conformance on ${node}:\n${result.output}`);
  const passed = /pass (\d+)/.exec(result.output)?.[1] ?? '0';
  if (Number(passed) < 1000) return failed(`conformance on the oldest Node ran only ${passed} behaviours`);
  return { ok: true, code: 0, output: `${passed} behaviours of the sqlite engine pass on the oldest Node\n` };
}

async function failoverRuns(project: string, node: string): Promise<RunResult> {
  const file = join(project, 'failover.mjs');
  const { name } = packageJson();
  const source = `import { Queue, Worker } from 'bullmq';
import { createFailoverBackend, failoverOf } from '${name}/failover';
const connection = { redis: 'redis://127.0.0.1:1', sqlite: { file: './standby.db' } };
const queue = new Queue('jobs', { connection }, createFailoverBackend);
await queue.add('sum', { a: 1, b: 2 });
const worker = new Worker('jobs', job => job.data.a + job.data.b, { connection }, createFailoverBackend);
const result = await new Promise(resolve => worker.once('completed', (_job, value) => resolve(value)));
console.log('failover:', failoverOf(queue).state, result);
await Promise.all([queue.close(), worker.close()]);
`;
  writeFileSync(file, source);
  const result = await run(node, ['--disable-warning=ExperimentalWarning', file], { cwd: project });
  if (result.ok && result.output.includes('failover: standby 3')) return result;
  return failed(`the failover engine without its Redis, on ${node}:\n${result.output}`);
}

async function typesCompile(project: string, resolution: 'nodenext' | 'bundler'): Promise<RunResult> {
  const uses = entryPoints().map(entry => `export * as ${identifier(entry)} from '${entry}';`);
  writeFileSync(join(project, 'consumer.ts'), `${uses.join('\n')}\n`);
  const compilerOptions = {
    target: 'es2023',
    module: resolution === 'nodenext' ? 'nodenext' : 'preserve',
    moduleResolution: resolution,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    // Our declarations must stand on their own; errors inside the dependencies' are sorted out below.
    skipLibCheck: false,
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const { output } = await runTool('tsc', ['-p', project, '--pretty', 'false'], { cwd: project });
  const own = new RegExp(`^(node_modules/${packageJson().name}/|consumer\\.ts|error TS)`);
  const errors = output.split('\n').filter(line => own.test(line));
  if (errors.length > 0) return failed(`types with moduleResolution ${resolution}:\n${errors.join('\n')}`);
  return { ok: true, code: 0, output: `types compile with moduleResolution ${resolution}\n` };
}

function identifier(entry: string): string {
  return entry.replaceAll(/[^a-z]/g, '_');
}

/**
 * The oldest Node of package.json's `engines`, from npm's platform packages (the ones the development dependency
 * `node` consists of): one binary, no install script, kept in node_modules/.cache. Not a development dependency:
 * it would fight with the pinned Node for node_modules/.bin/node and make every install 100 MB heavier.
 */
async function oldestNode(): Promise<string> {
  const version = `${packageJson().engines.node.replace('>=', '')}.0`;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(ROOT, 'node_modules/.cache/spillway', `node-${version}`);
  const binary = join(folder, 'node_modules', name, 'bin/node');
  if (existsSync(binary)) return binary;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const install = ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--loglevel=error'];
  const installed = await run('npm', [...install, `${name}@${version}`], { cwd: folder });
  if (!installed.ok || !existsSync(binary)) {
    throw new Error(`cannot get Node ${version} to check the package on it (${name}):\n${installed.output}`);
  }
  return binary;
}
