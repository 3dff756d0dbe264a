import { expect, it } from 'vitest';
import { collectLog } from '../runtime/collect-log.ts';
import { HoldingProxy } from './holding-proxy.ts';
import { cacheOf, redisServer, until } from './rig.ts';

it('a Redis that is slow to the first connection is waited for, and not missed', async () => {
  const redis = await redisServer();
  await using slow = await HoldingProxy.to(redis.url);
  slow.hold();
  const { logger, lines } = collectLog();
  const cache = cacheOf({ redis: slow.url, logger });
  const values = cache.namespace('values', { ttl: '1h', load: async (key: string) => key });
  expect(await values.get('a'), 'nothing waits for it').toBe('a');
  expect(await cache.ready(600)).toBe(false);
  expect([cache.stats().redis, lines]).toEqual(['connecting', []]);
  slow.release();
  expect(await cache.ready(5_000)).toBe(true);
  expect(lines.map(({ message }) => message)).toEqual([expect.stringContaining('The cache uses Redis')]);
  await cache.close();
});

it('a Redis that is not there is missed, and told with the reason', async () => {
  const redis = await redisServer();
  await redis.stop();
  const { logger, lines } = collectLog();
  const cache = cacheOf({ redis: redis.url, logger });
  cache.namespace('values', { ttl: '1h' });
  await until('it is missed', () => cache.stats().redis === 'down');
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(/goes on without Redis .*: it cannot be reached: connect ECONNREFUSED/),
  ]);
});

it('a Redis that takes connections and never answers is missed when its connect time is over', async () => {
  const redis = await redisServer();
  redis.pause();
  const { logger, lines } = collectLog();
  const cache = cacheOf({ redis: redis.url, logger });
  cache.namespace('values', { ttl: '1h' });
  await until('it is missed', () => cache.stats().redis === 'down');
  expect(lines.map(({ message }) => message)).toEqual([expect.stringContaining('no answer within 2000 ms')]);
  redis.resume();
  expect(await cache.ready(10_000)).toBe(true);
});
