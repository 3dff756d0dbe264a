import { subjectOf } from './caches/open.ts';
import { type Row, rowOf, type Subject } from './caches/subject.ts';
import { readsInTrouble, serverPid } from './caches/troubles.ts';
import type { Benchmark, Metric } from './harness/benchmark.ts';
import { cacheable, cacheContenders, cacheManager, spillwayCache } from './harness/contenders.ts';
import { sameCount } from './harness/exactly-once.ts';
import { timed } from './harness/measure.ts';

/** Keys that memory hits go round. */
const hotKeys = 1_000;
const readersAtOnce = 64;
const atOneKey = 1_000;
const slowLoadMs = 20;

const HOUR_MS = 3_600_000;

export const cache = {
  name: 'cache',
  title: 'hits in memory and in Redis, many misses at once; Redis hung and killed',
  contenders: cacheContenders,
  metrics: [
    ...rate('memory-hit', 5),
    ...rate('redis-hit', 1),
    { key: 'loads-of-one-key', unit: 'loads', better: 'lower', targets: [ours('value', 1)] },
    { key: 'hung-stale', unit: 'ms', better: 'lower', targets: [ours('value', 1)] },
    { key: 'hung-miss-worst', unit: 'ms', better: 'lower', targets: [ours('value', 60)] },
    { key: 'hung-misses-that-waited', unit: 'misses', better: 'lower', targets: [ours('value', 3)] },
    { key: 'hung-miss-after', unit: 'ms', better: 'lower', targets: [ours('value', 1)] },
    { key: 'killed-miss', unit: 'ms', better: 'lower', targets: [ours('value', 1)] },
  ],
  scales: {
    full: { hits: 2_000_000, warmUp: 200_000, redisHits: 50_000 },
    quick: { hits: 200_000, warmUp: 50_000, redisHits: 5_000 },
  },
  async run(contender, scale) {
    const { store } = contender.address;
    if (store.kind !== 'redis') throw new TypeError('the caches are compared on Redis');
    const open = await subjectOf(contender.name);
    let loads = 0;
    const load = async (key: string): Promise<Row> => {
      loads += 1;
      return rowOf(key);
    };
    const settings = { port: store.port, ttlMs: HOUR_MS, graceMs: 0, load };
    // Figures of ours are not to be flattered by a peer that dies of a Redis that does.
    let unhandled = 0;
    for (const event of ['uncaughtException', 'unhandledRejection'])
      process.on(event, () => (unhandled += 1));

    const first = await open(settings);
    for (let n = 0; n < hotKeys; n += 1) await first.read(`hot-${n}`);
    await hits(first, scale.warmUp);
    const memory = await timed(() => hits(first, scale.hits));
    const memoryLoads = loads;
    for (let n = 0; n < scale.redisHits; n += 1) {
      for (const kind of ['warm', 'redis']) await first.write(`${kind}-${n}`, rowOf(`${kind}-${n}`));
    }
    await first.close();

    // Another process, as far as the cache can tell: it finds the values in Redis only.
    const second = await open(settings);
    loads = 0;
    await readOnce(second, 'warm', scale.redisHits);
    const redis = await timed(() => readOnce(second, 'redis', scale.redisHits));
    const redisLoads = loads;
    await second.close();

    const together = await manyAtOneKey(store.port, open);
    const trouble = await readsInTrouble({ pid: await serverPid(store.port), open, port: store.port });
    const perSecond = {
      'memory-hit': scale.hits / memory.seconds,
      'redis-hit': scale.redisHits / redis.seconds,
    };
    return {
      figures: {
        ...perSecond,
        ...besides(perSecond),
        'loads-of-one-key': together.loads,
        ...trouble.figures,
        unhandled,
      },
      checks: [
        sameCount('memory hits answered right', scale.hits, memory.result),
        sameCount('loads for the hot keys', hotKeys, memoryLoads),
        sameCount('Redis hits answered right', scale.redisHits, redis.result),
        // Each is a read that Redis did not answer in time: on a busy machine some may be.
        {
          name: 'hardly any loads for what is in Redis',
          ok: redisLoads <= 2 * scale.redisHits * 0.01,
          detail: String(redisLoads),
        },
        sameCount('answers for one key', atOneKey, together.right),
        sameCount('wrong answers in trouble', 0, trouble.wrong),
      ],
    };
  },
} satisfies Benchmark<{ hits: number; warmUp: number; redisHits: number }>;

function ours(of: 'ratio' | 'value', bound: number) {
  return { contender: spillwayCache.name, of, bound } as const;
}

/** Hits a second, against BentoCache and then against each of the others. */
function rate(key: string, bound: number): Metric[] {
  const metric = { unit: 'reads/s', better: 'higher' } as const;
  return [
    { ...metric, key, targets: [ours('ratio', bound)] },
    ...[cacheManager, cacheable].map(({ name }) => ({
      ...metric,
      key: `${key}-beside-${name}`,
      baseline: name,
      targets: [ours('ratio', 1)],
    })),
  ];
}

function besides(figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).flatMap(([key, value]) =>
      [cacheManager, cacheable].map(({ name }) => [`${key}-beside-${name}`, value]),
    ),
  );
}

/** One read after the other, round the hot keys; how many were answered right. */
async function hits(subject: Subject, count: number): Promise<number> {
  const keys = Array.from({ length: hotKeys }, (_, n) => `hot-${n}`);
  const hit = subject.hit ?? subject.read;
  let right = 0;
  for (let n = 0; n < count; n += 1) {
    const key = keys[n % hotKeys] as string;
    if ((await hit(key))?.id === key) right += 1;
  }
  return right;
}

/** Each key once, by many readers. */
async function readOnce(subject: Subject, kind: string, count: number): Promise<number> {
  let next = 0;
  let right = 0;
  const reader = async () => {
    while (next < count) {
      const key = `${kind}-${next++}`;
      if ((await subject.read(key)).id === key) right += 1;
    }
  };
  await Promise.all(Array.from({ length: readersAtOnce }, reader));
  return right;
}

async function manyAtOneKey(port: number, open: Awaited<ReturnType<typeof subjectOf>>) {
  let loads = 0;
  const load = async (key: string): Promise<Row> => {
    loads += 1;
    await new Promise(resolve => setTimeout(resolve, slowLoadMs));
    return rowOf(key);
  };
  const subject = await open({ port, ttlMs: HOUR_MS, graceMs: 0, load });
  const rows = await Promise.all(Array.from({ length: atOneKey }, () => subject.read('wanted by all')));
  await subject.close();
  return { loads, right: rows.filter(({ id }) => id === 'wanted by all').length };
}
