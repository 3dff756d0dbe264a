import type { Benchmark } from './harness/benchmark.ts';
import { holdsExactly } from './harness/check-queue.ts';
import { engineContenders, spillwayFull, spillwayNormal } from './harness/contenders.ts';
import { timed } from './harness/measure.ts';
import { addSequentially } from './harness/workload.ts';

export const addSequential = {
  name: 'add-sequential',
  title: 'await queue.add, one after the other',
  contenders: engineContenders,
  metrics: [
    {
      key: 'add',
      unit: 'ops/s',
      better: 'higher',
      targets: [
        { contender: spillwayFull.name, of: 'ratio', bound: 0.7 },
        { contender: spillwayNormal.name, of: 'ratio', bound: 3 },
      ],
    },
  ],
  scales: { full: { jobs: 20_000, warmUp: 3000 }, quick: { jobs: 4000, warmUp: 1000 } },
  async run(contender, scale) {
    await addSequentially(contender, await contender.queue('warm-up'), { count: scale.warmUp });
    const queue = await contender.queue('measured');
    const { seconds, result: ids } = await timed(() =>
      addSequentially(contender, queue, { count: scale.jobs }),
    );
    return { figures: { add: scale.jobs / seconds }, checks: await holdsExactly(queue, ['waiting'], ids) };
  },
} satisfies Benchmark<{ jobs: number; warmUp: number }>;
