import { expect, it, onTestFinished } from 'vitest';
import { createCache, type WarmProgress } from './index.ts';

it('reads keys or keeps pairs, some at a time, and counts what became of them', async () => {
  const cache = createCache();
  onTestFinished(() => cache.close());
  let running = 0;
  let most = 0;
  const automations = cache.namespace('automations', {
    ttl: '1h',
    load: async (key: number) => {
      most = Math.max(most, ++running);
      await new Promise(resolve => setImmediate(resolve));
      running--;
      if (key % 10 === 0) throw new Error('away');
      return { key };
    },
  });
  const progress: WarmProgress[] = [];
  const keys = Array.from({ length: 100 }, (_, at) => at);
  const onProgress = (now: WarmProgress) => progress.push(now);
  expect(await automations.warm(keys, { onProgress, concurrency: 7 })).toMatchObject({
    done: 90,
    total: 100,
    failed: 10,
  });
  expect(progress.at(-1)).toEqual({ done: 90, total: 100, failed: 10 });
  expect({ most, items: automations.stats().items }).toEqual({ most: 7, items: 90 });

  async function* rows() {
    for (const key of [1000, 1001]) yield [key, { key }] as const;
  }
  expect(await automations.warmWith(rows())).toMatchObject({ done: 2, total: undefined, failed: 0 });
  expect(await automations.get(1001)).toEqual({ key: 1001 });
  expect(automations.stats().loads).toBe(100);
});

it('needs a loader', async () => {
  const cache = createCache();
  onTestFinished(() => cache.close());
  const values = cache.namespace<string, string>('values', { ttl: '1h' });
  await expect(values.warm(['a'])).rejects.toMatchObject({ code: 'SPILLWAY_INVALID_OPTION' });
});

it.each([0, -1, 2.5, Number.NaN, 1_001, '7' as never])(
  'refuses the concurrency %s: it would warm nothing, or all at once',
  async concurrency => {
    const cache = createCache();
    onTestFinished(() => cache.close());
    const values = cache.namespace('n', { ttl: '1h', load: async (key: number) => key });
    const refused = expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION' });
    await expect(values.warm([1], { concurrency })).rejects.toThrow(refused);
    await expect(values.warmWith([[1, 1]], { concurrency })).rejects.toThrow(refused);
  },
);

it.each([undefined, null, 7, {}])('refuses %s as what is to be warmed', async source => {
  const cache = createCache();
  onTestFinished(() => cache.close());
  const values = cache.namespace('n', { ttl: '1h', load: async (key: number) => key });
  await expect(values.warm(source as never)).rejects.toMatchObject({ code: 'SPILLWAY_INVALID_OPTION' });
});
