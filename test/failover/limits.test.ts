/** Rate limits over an outage. */
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { PATIENT, Rig, Runs, until } from './rig.ts';

const HOUR = 3_600_000;
const LIMITER = { limiter: { max: 100, duration: 1000 } };

describe('rateLimit()', () => {
  it('set during the outage holds on the standby, and after the return for what is left of it', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const runs = new Runs();
    rig.worker(async ({ name }) => runs.add(name), LIMITER);
    await queue.waitUntilReady();
    await rig.redis.kill();
    await queue.add('before', {});
    await until(() => runs.has('before'), 'the job before the limit');
    await queue.rateLimit(HOUR);
    await queue.add('during', {});
    await rig.redis.restart();
    await rig.reaches('primary');
    const redis = new Redis(rig.redis.port);
    const left = await redis.pttl('bull:q:limiter');
    expect(left).toBeGreaterThan(HOUR - 60_000);
    expect(left).toBeLessThanOrEqual(HOUR);
    await queue.add('after', {});
    expect(runs.inOrder).toEqual(['before']);
    await queue.removeRateLimitKey();
    // The worker itself waits on; another is not limited any more.
    rig.worker(async ({ name }) => runs.add(name), LIMITER);
    await until(() => runs.count === 3, 'the others');
    expect(runs.inOrder).toEqual(['before', 'during', 'after']);
    expect(rig.told.trouble).toEqual([]);
    await redis.quit();
  });

  it('set before the outage holds during it, until it is removed; then it is over on Redis, too', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const runs = new Runs();
    await queue.rateLimit(HOUR);
    await rig.redis.kill();
    await rig.reaches('standby');
    const limited = rig.worker(null, LIMITER);
    await queue.add('during', {});
    expect(await limited.getNextJob('t', { block: false })).toBeUndefined();
    await queue.removeRateLimitKey();
    rig.worker(async ({ name }) => runs.add(name), LIMITER);
    await until(() => runs.has('during'), 'the job of the outage');
    await rig.redis.restart();
    await rig.reaches('primary');
    const redis = new Redis(rig.redis.port);
    expect(await redis.exists('bull:q:limiter')).toBe(0);
    await queue.add('after', {});
    await until(() => runs.has('after'), 'a job after the return');
    await redis.quit();
  });
});

describe('a limit on the rate', () => {
  it.each([
    ["a worker's", LIMITER.limiter],
    ["the queue's", undefined],
  ])('%s: while both homes have jobs, it is one limit', async (_, limiter) => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const max = 2;
    if (limiter === undefined) await queue.setGlobalRateLimit(max, HOUR);
    const options = limiter === undefined ? {} : { limiter: { max, duration: HOUR } };
    await queue.waitUntilReady();
    await rig.redis.kill();
    await rig.reaches('standby');
    // A flow that has started finishes where it is.
    const children = Array.from({ length: 4 }, (_child, n) => ({ name: `here-${n}`, queueName: 'q' }));
    await rig.flow().add({ name: 'parent', queueName: 'q', children });
    const worker = rig.worker(null, options);
    const begun = await worker.getNextJob('t', { block: false });
    await rig.redis.restart();
    await rig.reaches('primary');
    for (let n = 0; n < 4; n++) await queue.add(`there-${n}`, {});
    const runs = new Runs();
    runs.add(begun?.name ?? '');
    await begun?.moveToCompleted(1, 't', false);
    for (let asked = 0; asked < 6; asked++) {
      const job = await worker.getNextJob('t', { block: false });
      if (job === undefined) continue;
      runs.add(job.name);
      await job.moveToCompleted(1, 't', false);
    }
    expect(runs.inOrder).toEqual(['here-0', 'here-1']);
  });
});
