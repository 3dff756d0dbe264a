import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark, Metric, Target } from './harness/benchmark.ts';
import { total } from './harness/check-queue.ts';
import { engineContenders, spillwayFull, spillwayNormal } from './harness/contenders.ts';
import type { BenchQueue } from './harness/engines.ts';
import type { Check } from './harness/exactly-once.ts';
import { sameCount, sameIds } from './harness/exactly-once.ts';
import type { LiveContender } from './harness/live-contender.ts';
import { addConcurrently, addInBulk } from './harness/workload.ts';

const adders = 200;
const resolutionMs = 1;

export const eventLoop = {
  name: 'event-loop',
  title: 'longest block of the event loop while adding, cleaning, draining and obliterating',
  contenders: engineContenders,
  metrics: [longest('add'), longest('clean'), longest('drain'), longest('obliterate')],
  scales: { full: { adds: 50_000, jobs: 100_000 }, quick: { adds: 10_000, jobs: 10_000 } },
  async run(contender, scale) {
    await addConcurrently(contender, await contender.queue('warm-up'), { count: scale.adds }, adders);
    const added = await contender.queue('added');
    const add = await longestBlock(() => addConcurrently(contender, added, { count: scale.adds }, adders));

    const cleaned = await filled(contender, 'cleaned', scale.jobs);
    const clean = await longestBlock(() => cleaned.queue.clean(0, scale.jobs, 'wait'));

    const drained = await filled(contender, 'drained', scale.jobs);
    const drain = await longestBlock(() => drained.queue.drain());

    const obliterated = await filled(contender, 'obliterated', scale.jobs);
    const obliterate = await longestBlock(() => obliterated.queue.obliterate({ force: true }));

    return {
      figures: {
        add: add.blockMs,
        clean: clean.blockMs,
        drain: drain.blockMs,
        obliterate: obliterate.blockMs,
        'clean-takes': clean.tookMs,
        'drain-takes': drain.tookMs,
        'obliterate-takes': obliterate.tookMs,
      },
      checks: [
        sameCount('added', scale.adds, new Set(add.result).size),
        sameIds('cleaned', cleaned.ids, clean.result),
        await isEmpty('left after clean', cleaned.queue),
        await isEmpty('left after drain', drained.queue),
        await isEmpty('left after obliterate', obliterated.queue),
      ],
    };
  },
} satisfies Benchmark<{ adds: number; jobs: number }>;

function longest(key: string): Metric {
  const targets: Target[] = [spillwayFull, spillwayNormal].map(({ name }) => ({
    contender: name,
    of: 'value',
    bound: 10,
  }));
  return { key, unit: 'ms', better: 'lower', targets };
}

/** The longest time during `work` in which the event loop did not turn; garbage collection counts. */
async function longestBlock<T>(
  work: () => Promise<T>,
): Promise<{ blockMs: number; tookMs: number; result: T }> {
  globalThis.gc?.();
  await sleep(50);
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  // The monitor records the time between two of its ticks: let it take the first before there is anything to see.
  await sleep(20);
  delay.reset();
  const start = performance.now();
  const result = await work();
  const tookMs = performance.now() - start;
  await sleep(20);
  delay.disable();
  // The time between two ticks includes the wait that was asked for.
  return { blockMs: Math.max(0, delay.max / 1e6 - resolutionMs), tookMs, result };
}

async function filled(
  contender: LiveContender,
  name: string,
  jobs: number,
): Promise<{ queue: BenchQueue; ids: string[] }> {
  const queue = await contender.queue(name);
  return { queue, ids: await addInBulk(contender, queue, { count: jobs }) };
}

async function isEmpty(name: string, queue: BenchQueue): Promise<Check> {
  return sameCount(name, 0, total(await queue.getJobCounts()));
}
