import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from './harness/benchmark.ts';
import { total } from './harness/check-queue.ts';
import { engineContenders, spillwayFull, spillwayNormal } from './harness/contenders.ts';
import { Ledger, sameCount } from './harness/exactly-once.ts';
import { openNoOpWorker, runUntilCompleted } from './harness/process-jobs.ts';
import type { Point } from './harness/stats.ts';
import { fitLine } from './harness/stats.ts';
import { addInBulk } from './harness/workload.ts';

const queueName = 'measured';
const kept = 1000;
const batch = 500;
const backlog = 5000;
const mebibyte = 2 ** 20;

/** By how much the level at the end may be above that at a quarter of the run, and still count as flat. */
const flatPercent = 10;

export const memory = {
  name: 'memory',
  title: 'resident memory of a process that adds and works through two million jobs, the last 1000 kept',
  contenders: engineContenders,
  metrics: [
    {
      key: 'growth',
      unit: '%',
      better: 'lower',
      targets: [spillwayFull, spillwayNormal].map(({ name }) => ({
        contender: name,
        of: 'value' as const,
        bound: flatPercent,
      })),
    },
    { key: 'peak', unit: 'MiB', better: 'lower' },
  ],
  scales: { full: { jobs: 2_000_000, sampleEach: 100_000 }, quick: { jobs: 200_000, sampleEach: 10_000 } },
  maxRounds: 1,
  async run(contender, scale) {
    const queue = await contender.queue(queueName);
    const ledger = new Ledger(scale.jobs);
    const worker = await openNoOpWorker(contender, queueName, ledger, {
      concurrency: 200,
      removeOnComplete: { count: kept },
    });

    let completed = 0;
    const samples: Point[] = [];
    const working = runUntilCompleted(worker, scale.jobs, count => {
      completed = count;
      if (count % scale.sampleEach === 0) samples.push({ x: count, y: process.memoryUsage.rss() / mebibyte });
    });
    const adding = async () => {
      for (let added = 0; added < scale.jobs; added += batch) {
        while (added - completed > backlog) await sleep(1);
        await addInBulk(contender, queue, { count: Math.min(batch, scale.jobs - added), from: added });
      }
    };
    await Promise.all([adding(), working]);
    await worker.close();

    const quarter = scale.jobs / 4;
    const line = fitLine(samples.filter(sample => sample.x >= quarter));
    const growth = line.at(scale.jobs) - line.at(quarter);
    const { completed: keptCount = 0 } = await queue.getJobCounts('completed');
    const leftOver = total(await queue.getJobCounts('waiting', 'active', 'failed'));
    return {
      figures: {
        growth: (100 * growth) / line.at(quarter),
        'growth-mib': growth,
        'mib-per-million-jobs': line.slope * 1e6,
        peak: Math.max(...samples.map(sample => sample.y)),
      },
      checks: [
        // No set of ids here: two million of them would be the growth this looks for. The ledger's size is fixed.
        ledger.check('handled exactly once'),
        sameCount('kept', kept, keptCount),
        sameCount('left over', 0, leftOver),
      ],
      series: { rssMiB: samples.map(sample => Math.round(sample.y * 10) / 10) },
    };
  },
} satisfies Benchmark<{ jobs: number; sampleEach: number }>;
