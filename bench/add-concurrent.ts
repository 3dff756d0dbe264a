import type { Benchmark } from './harness/benchmark.ts';
import { holdsExactly } from './harness/check-queue.ts';
import { engineContenders, spillwayFailover, spillwayFull } from './harness/contenders.ts';
import { timed } from './harness/measure.ts';
import { addConcurrently } from './harness/workload.ts';

const adders = 200;

export const addConcurrent = {
  name: 'add-concurrent',
  title: 'queue.add from 200 concurrent adders',
  contenders: engineContenders,
  metrics: [
    {
      key: 'add',
      unit: 'ops/s',
      better: 'higher',
      targets: [
        { contender: spillwayFailover.name, of: 'ratio', bound: 0.95 },
        { contender: spillwayFull.name, of: 'ratio', bound: 2.5 },
      ],
    },
  ],
  scales: { full: { jobs: 100_000, warmUp: 20_000 }, quick: { jobs: 20_000, warmUp: 5000 } },
  async run(contender, scale) {
    await addConcurrently(contender, await contender.queue('warm-up'), { count: scale.warmUp }, adders);
    const queue = await contender.queue('measured');
    const { seconds, result: ids } = await timed(() =>
      addConcurrently(contender, queue, { count: scale.jobs }, adders),
    );
    return { figures: { add: scale.jobs / seconds }, checks: await holdsExactly(queue, ['waiting'], ids) };
  },
} satisfies Benchmark<{ jobs: number; warmUp: number }>;
