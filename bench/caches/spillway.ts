import { createCache } from '../../src/cache/index.ts';
import type { OpenSubject, Row } from './subject.ts';

export const openSpillwayCache: OpenSubject = async ({ port, ttlMs, graceMs, load }) => {
  const cache = createCache({ redis: { host: '127.0.0.1', port }, memory: { maxItems: 2_000_000 } });
  const rows = cache.namespace<string, Row>('rows', { ttl: ttlMs, grace: graceMs, jitter: 0, load });
  await cache.ready(5_000);
  return {
    read: key => rows.get(key),
    write: (key, row) => rows.set(key, row, { wait: true }),
    close: () => cache.close(),
  };
};
