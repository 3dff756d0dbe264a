/** De-duplication over an outage: a key that was set during it holds after it, for every machine. */
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { PATIENT, Rig, Runs, until } from './rig.ts';

const HOUR = 3_600_000;

/** Opens the engine on a Redis that has just been killed. */
async function awayFrom(rig: Rig) {
  const queue = rig.queue();
  await queue.waitUntilReady();
  await rig.redis.kill();
  await rig.reaches('standby');
  return queue;
}

/** Another machine, which knows only Redis. */
function elsewhere(rig: Rig): { queue: Queue; redis: Redis } {
  const connection = { port: rig.redis.port };
  const queue = new Queue('q', { connection });
  const redis = new Redis(rig.redis.port);
  rig.own({ close: () => Promise.all([queue.close(), redis.quit()]) });
  queue.on('error', () => undefined);
  redis.on('error', () => undefined);
  return { queue, redis };
}

/** What is left of the window of a key, as Redis has it. */
async function expectWindow(redis: Redis, key: string, job: string | undefined): Promise<void> {
  expect(await redis.get(`bull:q:de:${key}`)).toBe(job);
  const left = await redis.pttl(`bull:q:de:${key}`);
  expect(left).toBeGreaterThan(HOUR - 60_000);
  expect(left).toBeLessThanOrEqual(HOUR);
}

describe.concurrent('a window (ttl) that was opened during the outage, and whose job has run there', () => {
  const opts = { deduplication: { id: 'once', ttl: HOUR } };

  it.each([
    ['removed', { count: 0 }],
    ['kept', { count: 10 }],
  ])('holds after the return, its job %s', async (_, removeOnComplete) => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = await awayFrom(rig);
    const runs = new Runs();
    rig.worker(async ({ name }) => runs.add(name), { removeOnComplete });
    const first = await queue.add('first', {}, opts);
    await until(() => runs.has('first'), 'the job on the standby');
    await rig.redis.restart();
    await rig.reaches('primary');
    const other = elsewhere(rig);
    await expectWindow(other.redis, 'once', first.id);
    expect((await queue.add('again', {}, opts)).id).toBe(first.id);
    expect((await other.queue.add('elsewhere', {}, opts)).id).toBe(first.id);
    await queue.add('another', {});
    await until(() => runs.has('another'), 'a job after them');
    expect(runs.inOrder).toEqual(['first', 'another']);
    expect(rig.told.trouble).toEqual([]);
  });

  it('holds when the program ends before the return, and with a job that still waits', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = await awayFrom(rig);
    const worker = rig.worker(null, { removeOnComplete: { count: 0 } });
    const first = await queue.add('first', {}, opts);
    const waits = await queue.add('waits', {}, { deduplication: { id: 'waits', ttl: HOUR } });
    await (await worker.getNextJob('t', { block: false }))?.moveToCompleted(1, 't', false);
    await rig.closeAll();
    await rig.redis.restart();
    const next = rig.again().queue();
    const other = elsewhere(rig);
    await until(async () => (await other.redis.exists('bull:q:de:once')) === 1, 'the window');
    await until(async () => (await other.redis.exists(`bull:q:${waits.id}`)) === 1, 'the job');
    await expectWindow(other.redis, 'once', first.id);
    await expectWindow(other.redis, 'waits', waits.id);
    expect((await next.add('again', {}, opts)).id).toBe(first.id);
  });

  it('holds when its job is in work on the standby at the return, and finishes after it', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = await awayFrom(rig);
    const worker = rig.worker(null, { removeOnComplete: { count: 0 } });
    const first = await queue.add('first', {}, opts);
    const job = await worker.getNextJob('t', { block: false });
    await rig.redis.restart();
    await rig.reaches('primary');
    const other = elsewhere(rig);
    await expectWindow(other.redis, 'once', first.id);
    await job?.moveToCompleted(1, 't', false);
    expect((await queue.add('again', {}, opts)).id).toBe(first.id);
    expect((await queue.getJobCounts('wait', 'active')).wait).toBe(0);
  });
});

describe.concurrent('a job that waits on the standby at the return', () => {
  it('goes back with its key, simple or extended, and what it stood for stays away', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = await awayFrom(rig);
    const simple = { deduplication: { id: 'simple' } };
    const extended = { deduplication: { id: 'extended', ttl: HOUR, extend: true } };
    const ids = [(await queue.add('a', {}, simple)).id, (await queue.add('b', {}, extended)).id];
    expect((await queue.add('a2', {}, simple)).id).toBe(ids[0]);
    expect((await queue.add('b2', {}, extended)).id).toBe(ids[1]);
    await rig.redis.restart();
    await rig.reaches('primary');
    const other = elsewhere(rig);
    expect((await other.queue.add('a3', {}, simple)).id).toBe(ids[0]);
    expect((await other.queue.add('b3', {}, extended)).id).toBe(ids[1]);
    await expectWindow(other.redis, 'extended', ids[1]);
    const runs = new Runs();
    rig.worker(async ({ name }) => runs.add(name));
    await until(() => runs.count === 2, 'both');
    expect(runs.inOrder).toEqual(['a', 'b']);
    // A simple key ends with its job.
    await until(async () => (await other.redis.exists('bull:q:de:simple')) === 0, 'the end of the key');
    expect(rig.engine.status().duplicates).toBe(0);
  });

  it('debounce: the latest replaces the one that is delayed in Redis since before', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const opts = { delay: HOUR, deduplication: { id: 'last', ttl: HOUR, extend: true, replace: true } };
    const before = await queue.add('before', { n: 1 }, opts);
    await rig.redis.kill();
    await rig.reaches('standby');
    await queue.add('during', { n: 2 }, opts);
    const latest = await queue.add('during', { n: 3 }, opts);
    await rig.redis.restart();
    await rig.reaches('primary');
    const other = elsewhere(rig);
    expect(await other.redis.zrange('bull:q:delayed', '0', '-1')).toEqual([latest.id]);
    expect(await other.redis.exists(`bull:q:${before.id}`)).toBe(0);
    expect((await other.queue.getJob(latest.id ?? ''))?.data).toEqual({ n: 3 });
    const after = await queue.add('after', { n: 4 }, opts);
    expect(await other.redis.zrange('bull:q:delayed', '0', '-1')).toEqual([after.id]);
  });
});

describe.concurrent('keepLastIfActive', () => {
  const opts = { deduplication: { id: 'last', keepLastIfActive: true } };

  it('on the standby while the primary comes back: the last one added runs once, after it', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = await awayFrom(rig);
    const runs = new Runs();
    let goOn = () => {};
    const held = new Promise<void>(resolve => {
      goOn = resolve;
    });
    rig.worker(
      async ({ name }) => {
        runs.add(name);
        if (name === 'first') await held;
      },
      { concurrency: 5 },
    );
    await queue.add('first', {}, opts);
    await until(() => runs.has('first'), 'the first to start');
    await queue.add('during', {}, opts);
    await rig.redis.restart();
    await rig.reaches('primary');
    await queue.add('after', {}, opts);
    await queue.add('free', {});
    await until(() => runs.has('free'), 'a job without a key');
    expect(runs.inOrder).toEqual(['first', 'free']);
    goOn();
    await until(() => runs.has('after'), 'the last');
    await queue.add('then', {}, opts);
    await until(() => runs.has('then'), 'the key to be free');
    expect(runs.inOrder).toEqual(['first', 'free', 'after', 'then']);
    expect(rig.engine.status().duplicates).toBe(0);
  });

  it('in work in Redis since before: one added during the outage and one after it, no job twice', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const worker = rig.worker(null);
    await queue.add('first', {}, opts);
    const first = await worker.getNextJob('t', { block: false });
    expect(first?.name).toBe('first');
    await queue.add('replaced', {}, opts);
    await rig.redis.kill();
    await rig.reaches('standby');
    await queue.add('during', {}, opts);
    await rig.redis.restart();
    await rig.reaches('primary');
    // The one that came last while the first is in work.
    const redis = new Redis(rig.redis.port);
    expect(await redis.hget('bull:q:dn:last', 'name')).toBe('during');
    await first?.moveToCompleted(1, 't', false);
    const runs = new Runs();
    rig.worker(async ({ name }) => runs.add(name));
    await until(() => runs.has('during'), 'the last');
    await queue.add('after', {}, opts);
    await until(() => runs.has('after'), 'the key to be free');
    expect(runs.inOrder).toEqual(['during', 'after']);
    await redis.quit();
  });
});
