import { createKeyv as createKeyvRedis } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import type { OpenSubject, Row } from './subject.ts';

/**
 * Keyv in memory in front of Keyv on Redis: ten times as fast as with CacheableMemory in front. Likewise `get` before `wrap`,
 * which is for misses. It has no stale values.
 */
export const openCacheManager: OpenSubject = async ({ port, ttlMs, load }) => {
  const stores = [new Keyv(), createKeyvRedis(`redis://127.0.0.1:${port}`)];
  for (const store of stores) store.on('error', () => {});
  const cache = createCache({ stores, ttl: ttlMs });
  return {
    read: async key => (await cache.get<Row>(key)) ?? cache.wrap(key, () => load(key)),
    write: async (key, row) => void (await cache.set(key, row)),
    close: () => cache.disconnect(),
  };
};
