import { expect, it } from 'vitest';
import { cacheOf, redisServer, until } from './rig.ts';

/** A clock that can be put forward. */
function movableClock() {
  const clock = { aheadMs: 0, now: () => Date.now(), monotonic: () => performance.now() + clock.aheadMs };
  return clock;
}

/** Two caches on one Redis, the second of a process whose time is `aheadMs` from the first's. */
async function twoOfDifferentTimes(aheadMs: number) {
  const redis = await redisServer();
  const clock = movableClock();
  const caches = [cacheOf({ redis: redis.url }), cacheOf({ redis: redis.url, clock })] as const;
  for (const cache of caches) expect(await cache.ready(5_000)).toBe(true);
  clock.aheadMs = aheadMs;
  return { redis, caches };
}

it.each([true, false])(
  'does not lose what is set to what a process with another time has loaded (awaited: %s)',
  async wait => {
    // Awaited it holds for any difference; else for as much as there may be.
    const { caches } = await twoOfDifferentTimes(wait ? 5_000 : 30);
    let current = 1;
    const settings = { ttl: '1h', load: async (_key: string) => current } as const;
    const [here, there] = [caches[0].namespace('n', settings), caches[1].namespace('n', settings)];
    expect(await there.get('k')).toBe(1);
    await until('it is in Redis', async () => (await here.countKeys()).redis === 1);
    current = 2;
    await here.set('k', 2, { wait });
    await until('both see it', async () => (await here.get('k')) === 2 && (await there.get('k')) === 2);
    expect(here.stats().loads).toBe(0);
  },
);

it('keeps what is set right after another process has deleted it, encrypted values included', async () => {
  const { redis, caches } = await twoOfDifferentTimes(1_000);
  const encryption = { current: 'a', keys: { a: new Uint8Array(32).fill(7) } };
  const settings = { ttl: '1h', encryption } as const;
  const here = caches[0].namespace<string, string>('n', settings);
  const there = caches[1].namespace<string, string>('n', settings);
  await here.set('k', 'old', { wait: true });
  await there.delete('k');
  await here.set('k', 'new', { wait: true });
  const third = cacheOf({ redis: redis.url });
  const fresh = third.namespace<string, string>('n', settings);
  await third.ready(5_000);
  expect(await fresh.get('k')).toBe('new');
});
