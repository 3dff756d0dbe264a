import { expect, it, onTestFinished } from 'vitest';
import { createCache } from './index.ts';

it('stays within its items and bytes over all namespaces, and says what had to leave', async () => {
  const cache = createCache({ memory: { maxItems: 50, maxBytes: 100_000 } });
  onTestFinished(() => cache.close());
  const load = async (key: string) => key.repeat(100);
  const [one, other] = [
    cache.namespace('one', { ttl: '1h', load }),
    cache.namespace('other', { ttl: '1h', load }),
  ];
  for (let at = 0; at < 60; at++) await (at % 2 ? one : other).get(String(at));
  expect(cache.stats().items).toBe(50);
  expect(one.stats().items + other.stats().items).toBe(50);
  expect(one.stats().evictions + other.stats().evictions).toBe(10);
  for (let at = 0; at < 60; at++) await one.get(`${at}`.padEnd(50));
  expect(cache.stats().bytes).toBeLessThanOrEqual(100_000);
  expect(one.stats().bytes + other.stats().bytes).toBe(cache.stats().bytes);
  await one.clear();
  expect(one.stats()).toMatchObject({ items: 0, bytes: 0 });
});

it('does not keep what is larger than all of it', async () => {
  const cache = createCache({ memory: { maxBytes: 5000 } });
  onTestFinished(() => cache.close());
  const values = cache.namespace('n', { ttl: '1h', load: async (_key: string) => 'x'.repeat(10_000) });
  expect(await values.get('k')).toHaveLength(10_000);
  expect(values.stats()).toMatchObject({ items: 0, bytes: 0, evictions: 1 });
});
