import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createSpillway, type SpillwayOptions } from '../../src/index.ts';
import { collectLog } from '../runtime/collect-log.ts';
import { redisForTests } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';

const answer = async () => 'answer';
const change = { by: 'ada', reason: 'bill unpaid' };
const newFile = () => join(tempDir('overrides'), 'jobs.db');
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

function open(options: SpillwayOptions) {
  const log = collectLog();
  const spillway = createSpillway({
    environment: {},
    handleSignals: false,
    logger: log.logger,
    ...options,
  });
  onTestFinished(() => spillway.close());
  return { spillway, said: () => log.lines.map(({ message }) => message) };
}

/** Another program that holds the file's lock. */
function lock(file: string): () => void {
  const db = new DatabaseSync(file);
  db.exec('BEGIN IMMEDIATE');
  return () => db.close();
}

it('a file that takes no writes: it holds here, and who set it is told that it does nowhere else', async () => {
  const file = newFile();
  const { spillway, said } = open({ sqlite: { file, busyTimeoutMs: 100 } });
  const breaker = spillway.breaker('mail', answer);
  await breaker.setMode('metrics-only', change);
  const unlock = lock(file);
  const keeping = breaker.setMode('forced-open', change);
  expect(breaker.mode).toBe('forced-open');
  await expect(keeping).rejects.toMatchObject({
    code: 'SPILLWAY_BREAKER_MODE_NOT_KEPT',
    message: expect.stringContaining('Breaker mail is forced-open in this process only'),
    cause: { code: 'SPILLWAY_SQLITE_BUSY' },
  });
  expect(said().at(-1)).toContain('in this process only');
  // Looks at the file find what it holds still, and that is not taken for news.
  unlock();
  const looks = spillway.breaker('other', answer);
  expect([looks.mode, breaker.mode, breaker.override?.shared]).toEqual(['automatic', 'forced-open', false]);

  await breaker.setMode('disabled', change);
  expect(breaker.override).toMatchObject({ mode: 'disabled', shared: true });
});

it('what the file has instead of it is no news, also when nobody has looked since', async () => {
  const file = newFile();
  const { spillway } = open({ sqlite: { file, busyTimeoutMs: 100 } });
  const breaker = spillway.breaker('mail', answer);
  await breaker.setMode('metrics-only', change);
  const db = new DatabaseSync(file);
  // As another process sets it, in the last moment before the file is locked.
  db.exec(
    `UPDATE failover_switch SET about = json_set(about, '$.setting', 'disabled') WHERE name = 'breaker:mail'`,
  );
  db.exec('BEGIN IMMEDIATE');
  await expect(breaker.setMode('forced-open', change)).rejects.toMatchObject({
    code: 'SPILLWAY_BREAKER_MODE_NOT_KEPT',
  });
  expect(breaker.mode).toBe('forced-open');
  db.close();
});

it('nobody need wait for it: a file that takes no writes ends no process', async () => {
  const file = newFile();
  const { spillway, said } = open({ sqlite: { file, busyTimeoutMs: 100 } });
  const breaker = spillway.breaker('mail', answer);
  await breaker.setMode('metrics-only', change);
  const unlock = lock(file);
  void breaker.setMode('forced-open', change);
  await eventually(() => expect(said().at(-1)).toContain('in this process only'));
  unlock();
});

it('a file that cannot be opened is told once, stops no breaker, and is heard when it can be', async () => {
  const folder = join(tempDir('overrides'), 'not-there');
  const options = { sqlite: { file: join(folder, 'jobs.db') } };
  const { spillway, said } = open(options);
  const breaker = spillway.breaker('mail', answer);
  spillway.breaker('other', answer);
  expect(await breaker.fire()).toBe('answer');
  await expect(breaker.setMode('disabled')).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_MODE_NOT_KEPT' });
  expect(breaker.mode).toBe('disabled');
  expect(said().filter(message => message.includes('are not heard'))).toHaveLength(1);

  mkdirSync(folder);
  const another = open(options).spillway;
  another.breaker('mail', answer);
  await another.breakers.setMode('mail', 'forced-open', change);
  await eventually(() => expect(breaker.mode).toBe('forced-open'));
  expect(said().filter(message => message.includes('are heard again'))).toHaveLength(1);
});

it('without a file of several processes it holds in this one, also for a breaker made anew', async () => {
  const redis = await redisForTests();
  onTestFinished(() => redis.stop());
  for (const options of [
    { engine: 'redis', redis: redis.url },
    { sqlite: { file: ':memory:' } },
  ] satisfies SpillwayOptions[]) {
    const { spillway } = open(options);
    const breaker = spillway.breaker('mail', answer);
    await breaker.setMode('forced-open', change);
    expect(breaker.override).toMatchObject({ mode: 'forced-open', shared: false });
    breaker.shutdown();
    expect(spillway.breaker('mail', answer).mode).toBe('forced-open');
  }
});
