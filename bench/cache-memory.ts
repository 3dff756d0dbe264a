import { createCache } from '../src/cache/index.ts';
import type { Benchmark } from './harness/benchmark.ts';
import { spillwayCache } from './harness/contenders.ts';
import { type Check, sameCount } from './harness/exactly-once.ts';

const mebibyte = 2 ** 20;
/** Below it not all fit, above it all do. */
const limits = { tight: 256, wide: 1024 } as const;
const valueBytes = 200;

export const cacheMemory = {
  name: 'cache-memory',
  title: 'what a million values of 200 bytes take, against the limit in bytes',
  contenders: [spillwayCache],
  metrics: [
    { key: 'tight-used', unit: '% of the limit', better: 'lower', targets: [ours(100)] },
    { key: 'wide-used', unit: '% of the limit', better: 'lower', targets: [ours(100)] },
    { key: 'tight-kept', unit: 'values', better: 'higher' },
    { key: 'wide-kept', unit: 'values', better: 'higher' },
    { key: 'bytes-each', unit: 'bytes', better: 'lower' },
  ],
  scales: { full: { values: 1_000_000 }, quick: { values: 1_000_000 } },
  maxRounds: 1,
  async run(_contender, scale) {
    const tight = await fill(limits.tight * mebibyte, scale.values);
    const wide = await fill(limits.wide * mebibyte, scale.values);
    return {
      figures: {
        'tight-used': (100 * tight.taken) / (limits.tight * mebibyte),
        'wide-used': (100 * wide.taken) / (limits.wide * mebibyte),
        'tight-kept': tight.kept,
        'wide-kept': wide.kept,
        'bytes-each': wide.taken / wide.kept,
        'counted-each': wide.counted / wide.kept,
        'rss-mib': wide.rss / mebibyte,
      },
      checks: [tight.right, wide.right, sameCount('all kept, where there is room', scale.values, wide.kept)],
    };
  },
} satisfies Benchmark<{ values: number }>;

function ours(bound: number) {
  return { contender: spillwayCache.name, of: 'value', bound } as const;
}

/** How much more memory this process uses with the values in it, garbage collected; and what the cache thinks it takes. */
async function fill(maxBytes: number, count: number) {
  const before = used();
  const cache = createCache({ memory: { maxBytes, maxItems: count } });
  const values = cache.namespace<number, string>('values', { ttl: '1h' });
  for (let n = 0; n < count; n += 1) await values.set(n, textOf(n));
  const after = used();
  const { items, bytes } = cache.stats();
  const newest = await values.get(count - 1);
  const right: Check = {
    name: 'the newest is there',
    ok: newest === textOf(count - 1),
    detail: String(newest).slice(0, 20),
  };
  await cache.close();
  return { taken: after.heap - before.heap, rss: after.rss - before.rss, kept: items, counted: bytes, right };
}

/** Each a text of its own, not a part of another. */
function textOf(n: number): string {
  return Buffer.from(String(n).padEnd(valueBytes, '.')).toString('latin1');
}

function used(): { heap: number; rss: number } {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}
