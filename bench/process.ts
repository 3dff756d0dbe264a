import type { Benchmark, Scale, ScaleName, Target } from './harness/benchmark.ts';
import { holdsExactly } from './harness/check-queue.ts';
import { engineContenders, spillwayFailover, spillwayFull } from './harness/contenders.ts';
import type { Check } from './harness/exactly-once.ts';
import { Ledger } from './harness/exactly-once.ts';
import type { LiveContender } from './harness/live-contender.ts';
import { timed } from './harness/measure.ts';
import { openNoOpWorker, runUntilCompleted } from './harness/process-jobs.ts';
import { addInBulk } from './harness/workload.ts';

interface ProcessScale extends Scale {
  readonly jobs: number;
  readonly warmUp: number;
}

const long = { full: { jobs: 50_000, warmUp: 10_000 }, quick: { jobs: 10_000, warmUp: 3000 } };
const short = { full: { jobs: 10_000, warmUp: 3000 }, quick: { jobs: 2000, warmUp: 1000 } };

/** No-op jobs that already wait, taken by one worker: one benchmark for each concurrency. */
export const processBenchmarks = [
  processAt(1, short),
  processAt(50, long),
  processAt(200, long, [
    { contender: spillwayFailover.name, of: 'ratio', bound: 0.95 },
    { contender: spillwayFull.name, of: 'ratio', bound: 2.5 },
  ]),
];

function processAt(
  concurrency: number,
  scales: Record<ScaleName, ProcessScale>,
  targets: readonly Target[] = [],
): Benchmark<ProcessScale> {
  return {
    name: `process-${concurrency}`,
    title: `process waiting no-op jobs with one worker, concurrency ${concurrency}`,
    contenders: engineContenders,
    metrics: [{ key: 'process', unit: 'jobs/s', better: 'higher', targets }],
    scales,
    async run(contender, scale) {
      await processAll(contender, 'warm-up', scale.warmUp, concurrency);
      const { seconds, checks } = await processAll(contender, 'measured', scale.jobs, concurrency);
      return { figures: { process: scale.jobs / seconds }, checks };
    },
  };
}

async function processAll(
  contender: LiveContender,
  name: string,
  jobs: number,
  concurrency: number,
): Promise<{ seconds: number; checks: Check[] }> {
  const queue = await contender.queue(name);
  const ids = await addInBulk(contender, queue, { count: jobs });
  const ledger = new Ledger(jobs);
  const worker = await openNoOpWorker(contender, name, ledger, { concurrency });
  const { seconds } = await timed(() => runUntilCompleted(worker, jobs));
  await worker.close();
  const checks = [ledger.check('handled exactly once'), ...(await holdsExactly(queue, ['completed'], ids))];
  return { seconds, checks };
}
