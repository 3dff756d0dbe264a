import { describe, expect, it } from 'vitest';
import { deferred } from './deferred.ts';
import { eventually, open, reaches, startHomes } from './failover-runtime.ts';

describe('close', () => {
  const busy = async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes, { shutdownTimeoutMs: 0 });
    const gate = deferred();
    const active = deferred();
    spillway.worker('jobs', async () => {
      active.resolve();
      await gate.promise;
    });
    await spillway.queueEvents('jobs').waitUntilReady();
    spillway.flow();
    const job = await spillway.queue('jobs').add('x', {});
    await active.promise;
    return { homes, spillway, lines, id: job.id ?? '' };
  };

  it.each(['dead', 'hung'] as const)('ends with a %s Redis, and the running job is not lost', async fault => {
    const { homes, spillway, id } = await busy();
    if (fault === 'dead') await homes.redis.kill();
    else homes.redis.pause();
    await spillway.close();
    if (fault === 'dead') await homes.redis.restart();
    else homes.redis.resume();

    const { spillway: next } = open(homes);
    const ran: unknown[] = [];
    next.worker('jobs', async job => void ran.push(job.id));
    await eventually(() => expect(ran).toEqual([id]));
  });

  it('ends while jobs are given back to a Redis that hangs', async () => {
    const homes = await startHomes();
    await homes.redis.kill();
    const { spillway } = open(homes, { failover: { drainPerSecond: 100 } });
    const queue = spillway.queue('jobs');
    await queue.addBulk(Array.from({ length: 2000 }, (_, index) => ({ name: 'x', data: index })));
    await homes.redis.restart();
    await reaches(spillway, 'returning');
    await eventually(() => expect(spillway.failover?.status().returned).toBeGreaterThan(0));
    homes.redis.pause();
    await spillway.close();
    homes.redis.resume();

    const { spillway: next } = open(homes);
    next.queue('jobs');
    await reaches(next, 'primary');
    expect((await next.stats()).queues.jobs?.total).toBe(2000);
  });
});

describe('an outage that the next start finds', () => {
  it('is worked off by the file alone where Redis is switched off, and the rest goes to Redis later', async () => {
    const homes = await startHomes();
    await homes.redis.kill();
    const first = open(homes).spillway;
    await first.queue('jobs').add('x', 'spilled');
    await reaches(first, 'standby');
    await first.close();

    const environment = { REDIS_URL: homes.redis.url, USE_BULLMQ: 'false' };
    const off = open(homes, { environment, redis: undefined } as never);
    expect(off.lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /sqlite engine .*: Redis is switched off by USE_BULLMQ=false; jobs that an outage left in the file are worked off/,
      ),
    ]);
    const done: unknown[] = [];
    const worker = off.spillway.worker('jobs', async job => void done.push(job.data));
    await eventually(() => expect(done).toEqual(['spilled']));
    await worker.close();
    const left = await off.spillway.queue('jobs').add('x', 'added meanwhile');
    const [inBulk] = await off.spillway.queue('jobs').addBulk([{ name: 'x', data: 'in a list' }]);
    // A counter's number might stand for another job in Redis.
    expect([left.id, inBulk?.id]).toEqual([expect.stringMatching(/-/), expect.stringMatching(/-/)]);
    await off.spillway.close();

    await homes.redis.restart();
    const back = open(homes).spillway;
    back.worker('jobs', async job => void done.push(job.data));
    await eventually(() => expect(done).toEqual(['spilled', 'added meanwhile', 'in a list']));
  });
});
