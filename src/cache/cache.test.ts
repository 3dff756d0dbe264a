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

it('tells those who wait that it was closed, and answers nobody after', async () => {
  const cache = cacheOf();
  const hanging = cache.namespace('n', {
    ttl: '1h',
    maxLoads: 1,
    load: (_key: string) => new Promise<string>(() => {}),
  });
  const many = cache.namespace('m', {
    ttl: '1h',
    loadMany: (_keys: readonly string[]) => new Promise<string[]>(() => {}),
  });
  const waiting = [hanging.get('a'), hanging.get('a'), hanging.get('b'), many.get('c')];
  await new Promise(resolve => setImmediate(resolve));
  waiting.push(many.get('d'));
  const outcomes = Promise.allSettled(waiting);
  await cache.close();
  await cache.close();
  waiting.push(hanging.get('a'));
  for (const outcome of [...(await outcomes), ...(await Promise.allSettled(waiting))]) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SPILLWAY_CLOSED' } });
  }
  for (const act of [
    () => hanging.set('a', 'x'),
    () => hanging.delete('a'),
    () => hanging.clear(),
    () => hanging.invalidateTag('t'),
  ]) {
    await expect(act()).rejects.toMatchObject({ code: 'SPILLWAY_CLOSED' });
  }
});

it('off, asks each time the loader; a namespace without one is a store, and stays on', async () => {
  const cache = cacheOf();
  let current = 1;
  const values = cache.namespace('values', { ttl: '1h', load: async (_key: string) => current });
  const store = cache.namespace<string, string>('store', { ttl: '1h' });
  await store.set('s', 'kept');
  await values.get('a');
  cache.setEnabled(false);
  current = 2;
  expect([await values.get('a'), await store.get('s')]).toEqual([2, 'kept']);
  expect(await store.get('once', { load: async () => 'loaded' })).toBe('loaded');
  expect(await store.get('once')).toBeUndefined();
  cache.setEnabled(true);
  expect(await values.get('a')).toBe(2);
});
