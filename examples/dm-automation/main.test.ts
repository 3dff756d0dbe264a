import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { startApp } from './app.ts';
import { githubDeliveries, metaDeliveries } from './payloads.ts';
import { replay } from './replay.ts';
import { endChild, outputOf, startRedis } from './testing.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'dm-automation-'));
  ended.push(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'data');
}

/** What `npm start` runs, without npm around it: npm answers a signal with its own exit code. */
function npmStart(env: Record<string, string>): ChildProcess {
  const { start } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts as { start: string };
  const [command, ...args] = start.split(' ');
  expect(command).toBe('node');
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/REDIS|SECRET|TOKEN|PORT/.test(name)),
  );
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...clean, PORT: '0', ...env } });
  ended.push(() => endChild(child, 'SIGTERM'));
  return child;
}

const shell = (command: string, env: Record<string, string> = {}) =>
  promisify(execFile)('sh', ['-c', command], { env: { ...process.env, ...env } });

const commandsIn = (output: string) => output.split('\n').filter(line => /^(ID=|curl)/.test(line));

it('replays, tells what it did, prints commands that work, once, and stops in good order; twice', async () => {
  const DATA_DIR = folder();
  for (const _start of ['first', 'again']) {
    const child = npmStart({ DATA_DIR });
    const output = await outputOf(child, 'Ctrl-C stops.');
    expect(output).toMatch(
      /sent 355, accepted 355 \(duplicates 12\), refused 0; jobs 344, processed 344, failed 0/,
    );
    expect(output).toMatch(/Thank for story +4 +Hi .*, thank you/);
    expect(output).not.toContain('\x1b');
    expect(statSync(DATA_DIR).mode & 0o777).toBe(0o700);

    const commands = commandsIn(output);
    expect(commands).toHaveLength(4);
    const answers = [];
    for (const command of commands) answers.push(JSON.parse((await shell(command)).stdout));
    expect(answers).toMatchObject([
      { id: expect.stringMatching(/^github-curl-\d+$/) },
      { id: expect.stringMatching(/^meta-mid\.curl-\d+$/) },
      { mode: 'sqlite', failed: 0, total: expect.any(Number) },
      { id: expect.any(String), state: 'completed' },
    ]);
    expect(await endChild(child, 'SIGTERM')).toBe(0);
  }
});

it('says what an earlier run left, works it off, and counts it to its own', async () => {
  const DATA_DIR = folder();
  const secrets = { github: 'github-secret', meta: 'meta-secret', verifyToken: 'verify-token' };
  const idle = await startApp({ dataDir: DATA_DIR, secrets, port: 0, worker: { autorun: false } });
  const left = await replay(idle.url, [...githubDeliveries('before'), ...metaDeliveries('before')], secrets);
  await idle.close();
  const child = npmStart({ DATA_DIR });
  const output = await outputOf(child, 'Ctrl-C stops.');
  expect(output).toContain(`Left from before, worked off as well: ${left.ids.length} jobs`);
  expect(output).toMatch(/jobs 344, processed 344, failed 0/);
  // The counts of a first start.
  expect(output).toMatch(/Fix promised +5 /);
  expect(output).toMatch(/Thank for story +4 /);
  const stats = commandsIn(output).find(command => command.endsWith('/stats')) ?? '';
  await expect
    .poll(async () => JSON.parse((await shell(stats)).stdout), { timeout: 10_000 })
    .toMatchObject({ waiting: 0, active: 0, failed: 0, completed: 344 + left.ids.length });
  expect(await endChild(child, 'SIGTERM')).toBe(0);
});

it('runs on Redis with the file behind it, and never prints a secret it was given', async () => {
  const password = 'pa55-of-redis';
  const redis = await startRedis(password);
  ended.push(redis.stop);
  const given = {
    GITHUB_WEBHOOK_SECRET: 'my-github',
    META_APP_SECRET: 'my-meta',
    META_VERIFY_TOKEN: 'my-token',
  };
  const child = npmStart({ DATA_DIR: folder(), REDIS_URL: redis.url, ...given });
  let all = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (all += chunk));
  const output = await outputOf(child, 'Ctrl-C stops.');
  const answers = [];
  for (const command of commandsIn(output)) answers.push(JSON.parse((await shell(command, given)).stdout));
  expect(answers).toMatchObject([
    { id: expect.any(String) },
    { id: expect.any(String) },
    { mode: 'failover', failover: { state: 'primary' } },
    {},
  ]);
  expect(await endChild(child, 'SIGINT')).toBe(0);
  for (const secret of [password, ...Object.values(given)]) expect(all).not.toContain(secret);
});

it('stops in good order also in the middle of the replay', async () => {
  const child = npmStart({ DATA_DIR: folder() });
  await outputOf(child, 'Replaying');
  expect(await endChild(child, 'SIGTERM')).toBe(0);
});

it('obeys a switch that says no Redis, and says so in one line', async () => {
  const child = npmStart({ DATA_DIR: folder(), REDIS_URL: 'redis://127.0.0.1:1', REDIS_ENABLED: 'false' });
  const output = await outputOf(child, 'Ctrl-C stops.');
  expect(output.split('\n').filter(line => /engine/.test(line))).toEqual([
    expect.stringMatching(/sqlite engine \(.*queue\.db\): Redis is switched off by REDIS_ENABLED=false/),
  ]);
});

it('takes the next port when its own is taken, and says so', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  ended.push(() => other.close());
  const taken = await new Promise<number>(resolve => {
    other.once('listening', () => resolve((other.address() as { port: number }).port));
  });
  const child = npmStart({ DATA_DIR: folder(), PORT: String(taken) });
  expect(await outputOf(child, 'Listening on')).toMatch(new RegExp(`\\(port ${taken} is taken\\)`));
});

it('works without the Redis it was told of, and says so in one line', async () => {
  const child = npmStart({ DATA_DIR: folder(), REDIS_URL: 'redis://:pa55@127.0.0.1:1' });
  const output = await outputOf(child, 'Ctrl-C stops.');
  expect(output).toMatch(/accepted 355 .* jobs 344, processed 344, failed 0/);
  expect(output.split('\n').filter(line => /->/.test(line))).toEqual([
    expect.stringMatching(
      /127\.0\.0\.1:1\/0: primary -> standby \(.*ECONNREFUSED.*\); \d+ jobs? on the standby/,
    ),
  ]);
  expect(output).not.toContain('pa55');
  expect(await endChild(child, 'SIGTERM')).toBe(0);
});

it.each([
  ['a PORT that is none', { PORT: 'many' }, 'PORT must be'],
  [
    'a folder that cannot be made',
    { DATA_DIR: '/dev/null/x' },
    "The folder /dev/null/x (DATA_DIR) can't be made",
  ],
  [
    'a Redis that is not there, with nothing behind it',
    { REDIS_URL: 'redis://:pa55@127.0.0.1:1', SPILLWAY_ENGINE: 'redis' },
    'does not answer',
  ],
])('says in a line what is wrong with %s, and ends with 1', async (_what, env, message) => {
  const child = npmStart({ DATA_DIR: folder(), ...env });
  const error = await outputOf(child, 'never printed').catch((thrown: Error) => thrown.message);
  expect(error).toMatch(message);
  expect(error).toContain('ended with 1');
  expect(error).not.toContain('pa55');
});
