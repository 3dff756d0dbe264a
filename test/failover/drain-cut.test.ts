import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig, until } from './rig.ts';

const JOBS = 1500;

describe('a drain that is cut short', () => {
  it('by a Redis that hangs and a program that ends: the next program gives back the rest, each job once', async () => {
    await using rig = await Rig.start({ drainPerSecond: 1000 }, DURABLE);
    const first = rig.queue();
    await first.waitUntilReady();
    await rig.redis.kill();
    await rig.reaches('standby');
    await Promise.all(Array.from({ length: JOBS }, (_, n) => first.add(`job-${n}`, {})));
    await rig.redis.restart();
    await until(() => rig.engine.status().returned > 0, 'the drain to begin');
    rig.redis.pause();
    await first.close();
    rig.redis.resume();

    const second = rig.again().queue();
    await until(async () => (await second.getJobCounts()).waiting === JOBS, 'all jobs to be seen');
    const redis = new Redis(rig.redis.port);
    await until(
      async () => (await redis.llen('bull:q:wait')) === JOBS,
      'all jobs to be on Redis',
      () => rig.engine.status(),
    );
    expect(new Set(await redis.lrange('bull:q:wait', 0, -1)).size).toBe(JOBS);
    expect(rig.told.undeliverable).toEqual([]);
    await redis.quit();
  });
});
