import KeyvRedis from '@keyv/redis';
import { Cacheable, createKeyv } from 'cacheable';
import type { OpenSubject, Row } from './subject.ts';

/** Memory as the primary, Redis as the secondary, through `getOrSet`. It has no stale values. */
export const openCacheable: OpenSubject = async ({ port, ttlMs, load }) => {
  const cache = new Cacheable({
    primary: createKeyv({ lruSize: 2_000_000 }),
    secondary: new KeyvRedis(`redis://127.0.0.1:${port}`),
    ttl: ttlMs,
  });
  cache.on('error', () => {});
  return {
    read: async key => (await cache.getOrSet<Row>(key, () => load(key))) as Row,
    write: async (key, row) => void (await cache.set(key, row)),
    close: () => cache.disconnect(),
  };
};
