import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { HoldingProxy } from './holding-proxy.ts';
import { cacheOf, redisClient, redisServer, until } from './rig.ts';

/** How many scripts a Redis has run. */
async function scriptsRun(admin: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
}

it.each(['delete', 'invalidateTag', 'clear'] as const)(
  'a %s that got no answer and arrives late takes away nothing that was set after it',
  async kind => {
    const redis = await redisServer();
    const admin = redisClient(redis.url);
    await using proxy = await HoldingProxy.to(redis.url);
    const settings = { ttl: '1h', tags: () => ['t'], load: async (_key: string) => 'loaded' } as const;
    // Long, so that only what is held up is late, and not what a busy machine takes its time for.
    const open = (url: string, redisTimeoutMs = 5_000) => {
      const cache = cacheOf({ redis: url, redisTimeoutMs });
      return { cache, values: cache.namespace<string, string>('values', settings) };
    };
    const far = open(proxy.url, 500);
    const near = open(redis.url);
    for (const { cache } of [far, near]) await until('Redis is used', () => cache.ready());
    const change = { delete: () => far.values.delete('k'), clear: () => far.values.clear() };
    const changes = { ...change, invalidateTag: () => far.values.invalidateTag('t') };
    // Once in time, so that Redis knows the script and what is held up is the change itself.
    await changes[kind]();
    await near.values.set('k', 'old', { wait: true });
    expect(far.cache.stats().journaled).toBe(0);

    proxy.hold();
    await changes[kind]();
    expect(far.cache.stats().journaled, 'it got no answer').toBe(1);
    await near.values.set('k', 'new', { wait: true });
    const before = await scriptsRun(admin);
    proxy.release();
    await until('it has arrived', async () => (await scriptsRun(admin)) > before);
    await until('it is known to have', () => far.cache.stats().journaled === 0);

    for (const { values } of [near, far, open(redis.url)]) {
      await until('it is new', async () => (await values.get('k')) === 'new');
      expect(values.stats().loads).toBe(0);
    }
    // Leaves nothing to be written behind when the proxy goes.
    await far.cache.close();
  },
);
