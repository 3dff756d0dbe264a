import { afterEach, expect, it } from 'vitest';
import { type Cache, createCache } from './index.ts';

const open: Cache[] = [];
const cacheOf = (...args: Parameters<typeof createCache>) => {
  const cache = createCache(...args);
  open.push(cache);
  return cache;
};

afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close();
});

it('loads once for a thousand who ask at the same time, and then answers from memory', async () => {
  let loads = 0;
  const lead = cacheOf().namespace('lead', {
    ttl: '10m',
    load: async (id: number) => ({ id, loads: ++loads }),
  });
  const values = await Promise.all(Array.from({ length: 1000 }, () => lead.get(7)));
  expect(new Set(values).size).toBe(1);
  expect(await lead.get(7)).toBe(values[0]);
  expect(loads).toBe(1);
  expect(lead.stats()).toMatchObject({ misses: 1000, memoryHits: 1, loads: 1, items: 1 });
});

it('gives a frozen copy, the same from every tier, or a copy of your own', async () => {
  const when = new Date(0);
  const given = { tags: ['a'], when, left: undefined };
  const values = cacheOf();
  const shared = values.namespace('shared', { ttl: '1m', load: () => given });
  const value = await shared.get('x');
  expect(value).toEqual({ tags: ['a'], when });
  expect(Object.keys(value)).not.toContain('left');
  expect(() => value.tags.push('b')).toThrow(TypeError);
  given.tags.push('c');
  expect((await shared.get('x')).tags).toEqual(['a']);
  const own = values.namespace('own', { ttl: '1m', copy: true, load: () => given });
  (await own.get('x')).tags.push('d');
  expect((await own.get('x')).tags).toEqual(['a', 'c']);
});

it('refuses to open a namespace anew with other settings', () => {
  const cache = cacheOf();
  const load = () => 1;
  const first = cache.namespace('n', { ttl: 1000, load });
  expect(cache.namespace('n', { ttl: 1000, load })).toBe(first);
  expect(() => cache.namespace('n', { ttl: 2000, load })).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_CACHE_NAMESPACE',
      details: { namespace: 'n', options: ['ttl'] },
    }),
  );
});
