/** What is set on a queue of Redis while that is away, and must hold there afterwards. */
import { describe, expect, it } from 'vitest';
import { PATIENT, Rig } from './rig.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Does something while Redis is switched off. */
async function meanwhile(rig: Rig, work: () => Promise<unknown>): Promise<void> {
  rig.engine.switched('off', 'the test says so');
  await rig.reaches('standby');
  await work();
  rig.engine.switched('on', 'the test says so');
  await rig.reaches('primary');
  expect(rig.told.undeliverable).toEqual([]);
}

describe.concurrent('while Redis is away', () => {
  it('a rate limit set by hand holds there afterwards, for what is left of it', async () => {
    await using rig = await Rig.start(PATIENT);
    const queue = rig.queue();
    const limited = rig.worker(null, { limiter: { max: 5, duration: MINUTE } });
    await queue.add('job', {});
    await meanwhile(rig, () => limited.rateLimit(MINUTE));
    expect(await limited.getNextJob('t', { block: false })).toBeUndefined();
    const left = await queue.getRateLimitTtl();
    expect([left > MINUTE / 2, left <= MINUTE]).toEqual([true, true]);
  });

  it('one that Redis has is taken back there, too; a longer one that was set there meanwhile stays', async () => {
    await using rig = await Rig.start(PATIENT);
    const [queue, other] = [rig.queue(), rig.queue('other')];
    for (const each of [queue, other]) await each.waitUntilReady();
    await queue.rateLimit(MINUTE);
    await meanwhile(rig, async () => {
      expect(await queue.removeRateLimitKey()).toBe(1);
      await other.rateLimit(MINUTE);
      // As another machine does, for which Redis is not away.
      await rig.onRedis(redis => redis.set('bull:other:limiter', Number.MAX_SAFE_INTEGER, 'PX', HOUR));
    });
    expect(await queue.getRateLimitTtl()).toBe(-2);
    expect(await other.getRateLimitTtl()).toBeGreaterThan(MINUTE);
  });

  it('a de-duplication key that is freed is free there, too: the job added after that is no duplicate', async () => {
    await using rig = await Rig.start(PATIENT);
    const queue = rig.queue();
    const deduplication = { id: 'd' };
    const first = await queue.add('first', {}, { deduplication });
    await queue.add('own', {}, { jobId: 'own', deduplication: { id: 'e' } });
    const own = (await queue.getJob('own'))!;
    await meanwhile(rig, async () => {
      await queue.removeDeduplicationKey('d');
      await queue.add('second', {}, { deduplication });
      await own.removeDeduplicationKey();
    });
    expect((await queue.getWaiting()).map(({ name }) => name)).toEqual(['first', 'own', 'second']);
    expect(await queue.getDeduplicationJobId('d')).not.toBe(first.id);
    expect(await queue.getDeduplicationJobId('e')).toBeNull();
    expect(rig.engine.status().duplicates).toBe(0);
  });

  it('a scheduler that gets another interval has its first run at once, as on Redis, and keeps to a run that is due later', async () => {
    await using rig = await Rig.start(PATIENT);
    const queue = rig.queue();
    const worker = rig.worker(null);
    for (const id of ['waits', 'ran']) await queue.upsertJobScheduler(id, { every: HOUR });
    for (let job = 0; job < 2; job += 1) {
      await (await worker.getNextJob('t', { block: false }))?.moveToCompleted(1, 't', false);
    }
    await meanwhile(rig, async () => {
      await queue.upsertJobScheduler('ran', { every: 2 * HOUR });
      await (await worker.getNextJob('t', { block: false }))?.moveToCompleted(1, 't', false);
      await queue.upsertJobScheduler('waits', { every: 2 * HOUR });
    });
    const [waiting, delayed] = await Promise.all([queue.getWaiting(), queue.getDelayed()]);
    expect(waiting.map(({ repeatJobKey }) => repeatJobKey)).toEqual(['waits']);
    expect(delayed.map(({ repeatJobKey }) => repeatJobKey)).toEqual(['ran']);
    expect(delayed[0]?.delay).toBeGreaterThan(HOUR);
  });
});
