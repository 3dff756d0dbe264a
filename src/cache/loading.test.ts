import { expect, it, onTestFinished } from 'vitest';
import { createCache } from './index.ts';

function cacheForTest() {
  const cache = createCache();
  onTestFinished(() => cache.close());
  return cache;
}

it('loads what is missed in one turn together, up to the batch size, in the order of the keys', async () => {
  const batches: (readonly number[])[] = [];
  const squares = cacheForTest().namespace('squares', {
    ttl: '1h',
    batchSize: 3,
    loadMany: async (keys: readonly number[]) => {
      batches.push(keys);
      return keys.map(key => key * key);
    },
  });
  expect(await squares.getMany([4, 2, 3, 4, 1])).toEqual([16, 4, 9, 16, 1]);
  expect(batches).toEqual([[4, 2, 3], [1]]);
  expect(await squares.getMany([1, 5])).toEqual([1, 25]);
  expect(batches[2]).toEqual([5]);
});

it('refuses an answer of loadMany that does not fit its keys', async () => {
  const short = cacheForTest().namespace('n', {
    ttl: '1h',
    loadMany: async (_keys: readonly string[]) => ['one'],
  });
  await expect(short.getMany(['a', 'b'])).rejects.toMatchObject({
    code: 'SPILLWAY_INVALID_OPTION',
    message: expect.stringContaining('received 1 for 2 keys'),
  });
});

it('has no more loads at a time than it may', async () => {
  let running = 0;
  let most = 0;
  const values = cacheForTest().namespace('n', {
    ttl: '1h',
    maxLoads: 3,
    load: async (key: number) => {
      most = Math.max(most, ++running);
      await new Promise(resolve => setImmediate(resolve));
      running--;
      return key;
    },
  });
  await values.getMany(Array.from({ length: 50 }, (_, at) => at));
  expect({ most, running, loads: values.stats().loads }).toEqual({ most: 3, running: 0, loads: 50 });
});

it('gives up a loader that hangs, tells it so, and gives its place to the next', async () => {
  const signals: AbortSignal[] = [];
  const values = cacheForTest().namespace('n', {
    ttl: '1h',
    hardTimeout: 30,
    errorTtl: 0,
    maxLoads: 1,
    load: (key: string, { signal }) => {
      signals.push(signal);
      return key === 'hangs' ? new Promise<string>(() => {}) : key;
    },
  });
  const failure = { code: 'SPILLWAY_CACHE_LOAD_TIMEOUT' };
  await expect(values.get('hangs')).rejects.toMatchObject(failure);
  expect(signals[0]?.reason).toMatchObject(failure);
  expect(await values.get('next')).toBe('next');
  expect(values.stats()).toMatchObject({ loadTimeouts: 1, loadErrors: 1 });
});

it('serves the old value when the loader fails or hangs, within grace and not beyond a delete', async () => {
  let mode: 'well' | 'fails' | 'hangs' = 'well';
  const values = cacheForTest().namespace('n', {
    ttl: 1,
    grace: '1h',
    jitter: 0,
    hardTimeout: 20,
    softTimeout: 5,
    errorTtl: 0,
    load: async (_key: string) => {
      if (mode === 'fails') throw new Error('away');
      return mode === 'hangs' ? new Promise<string>(() => {}) : 'old';
    },
  });
  await values.get('k');
  for (mode of ['fails', 'hangs'] as const) {
    const { staleServed } = values.stats();
    while (values.stats().staleServed < staleServed + 3) expect(await values.get('k')).toBe('old');
  }
  await values.delete('k');
  mode = 'fails';
  await expect(values.get('k')).rejects.toThrow('away');
});

it('keeps "there is none", as undefined and as null, for a time of its own or not at all', async () => {
  let loads = 0;
  const cache = cacheForTest();
  const load = async (key: string) => {
    loads++;
    return key === 'null' ? null : undefined;
  };
  const kept = cache.namespace('kept', { ttl: '1h', load });
  for (const key of ['null', 'undefined', 'null', 'undefined']) await kept.get(key);
  expect(loads).toBe(2);
  expect(await kept.get('null')).toBeNull();
  const not = cache.namespace('not', { ttl: '1h', nullTtl: 0, load });
  await not.get('null');
  await not.get('null');
  expect(loads).toBe(4);
});

it('passes on what cannot be kept, and loads it again; set says what is wrong', async () => {
  const cache = cacheForTest();
  const errors: unknown[] = [];
  cache.on('refresh-error', ({ error }) => errors.push(error));
  const values = cache.namespace('n', {
    ttl: '1h',
    load: async (_key: string) => ({ at: new Map([[1, 2]]) }),
  });
  expect((await values.get('k')).at.get(1)).toBe(2);
  await values.get('k');
  expect(values.stats()).toMatchObject({ uncacheable: 2, loads: 2, items: 0 });
  expect(errors[0]).toMatchObject({ code: 'SPILLWAY_CACHE_VALUE' });
  await expect(values.set('k', { at: new Map() })).rejects.toMatchObject({ code: 'SPILLWAY_CACHE_VALUE' });
});

it('lets each value say how long it lasts', async () => {
  let loads = 0;
  const values = cacheForTest().namespace('n', {
    ttl: value => (value.final ? '1h' : 1),
    load: async (key: string) => ({ final: key === 'final', loads: ++loads }),
  });
  for (const key of ['final', 'final', 'draft']) await values.get(key);
  expect(loads).toBe(2);
  while ((await values.get('draft')).loads === 2);
  expect(await values.get('final')).toEqual({ final: true, loads: 1 });
});

it('refreshes ahead of the end, behind the back of the reader', async () => {
  let now = 0;
  let loads = 0;
  const clock = { now: () => 1_700_000_000_000, monotonic: () => now };
  const cache = createCache({ clock });
  onTestFinished(() => cache.close());
  const values = cache.namespace('n', {
    ttl: 1000,
    jitter: 0,
    eagerRefresh: 0.5,
    load: async (_key: string) => ++loads,
  });
  expect(await values.get('k')).toBe(1);
  now = 600;
  expect(await values.get('k')).toBe(1);
  await new Promise(resolve => setImmediate(resolve));
  expect(loads).toBe(2);
  expect(await values.get('k')).toBe(2);
});

it('refuses an option it does not have, without its value', () => {
  const options = { ttl: '1h', encrypton: 'a-misspelt-secret' };
  expect(() => cacheForTest().namespace('n', options)).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_INVALID_OPTION',
      message: expect.stringMatching(
        /^Option encrypton of the cache namespace n must be absent: (?!.*secret)/,
      ),
    }),
  );
  expect(() => createCache({ timeout: 5 } as object)).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_INVALID_OPTION',
      details: { option: 'timeout', range: 'absent' },
    }),
  );
});
