import type { Benchmark } from './harness/benchmark.ts';
import { holdsExactly } from './harness/check-queue.ts';
import { engineContenders } from './harness/contenders.ts';
import { timed } from './harness/measure.ts';
import { addInBulk } from './harness/workload.ts';

export const addBulk = {
  name: 'add-bulk',
  title: 'queue.addBulk of 1000 jobs, one call after the other',
  contenders: engineContenders,
  metrics: [{ key: 'add', unit: 'jobs/s', better: 'higher' }],
  scales: { full: { jobs: 100_000, warmUp: 20_000 }, quick: { jobs: 20_000, warmUp: 5000 } },
  async run(contender, scale) {
    await addInBulk(contender, await contender.queue('warm-up'), { count: scale.warmUp });
    const queue = await contender.queue('measured');
    const { seconds, result: ids } = await timed(() => addInBulk(contender, queue, { count: scale.jobs }));
    return { figures: { add: scale.jobs / seconds }, checks: await holdsExactly(queue, ['waiting'], ids) };
  },
} satisfies Benchmark<{ jobs: number; warmUp: number }>;
