import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark, Target } from './harness/benchmark.ts';
import { askChild } from './harness/child-process.ts';
import { engineContenders, spillwayFull, spillwayNormal } from './harness/contenders.ts';
import { Ledger } from './harness/exactly-once.ts';
import type { LiveContender } from './harness/live-contender.ts';
import { percentile } from './harness/stats.ts';
import type { AdderReply, AdderRequest } from './load/adder-child.ts';
import { addPaced, sharedClockMs } from './load/paced-adds.ts';

const queueName = 'measured';
const settleMs = 2000;
const arriveDeadlineMs = 10_000;
const deadlineMs = 5 * 60_000;

export const idle = {
  name: 'idle',
  title: 'processor time of a worker with nothing to do, and how soon it starts a job',
  contenders: engineContenders,
  metrics: [
    { key: 'cpu', unit: '% of a core', better: 'lower', targets: oursAtMost(1) },
    { key: 'same-process-p95', unit: 'ms', better: 'lower', targets: oursAtMost(2) },
    { key: 'other-process-p95', unit: 'ms', better: 'lower', targets: oursAtMost(25) },
  ],
  scales: {
    full: { idleMs: 10_000, jobs: 300, warmUp: 30 },
    quick: { idleMs: 2000, jobs: 40, warmUp: 10 },
  },
  maxRounds: 3,
  async run(contender, scale) {
    const perPhase = scale.warmUp + scale.jobs;
    const ledger = new Ledger(2 * perPhase);
    const latencies = new Float64Array(2 * perPhase).fill(Number.NaN);
    let started = 0;
    const worker = await contender.worker(
      queueName,
      async job => {
        latencies[job.data.seq] = sharedClockMs() - job.data.sentAt;
        ledger.mark(job.data.seq);
        started += 1;
      },
      { concurrency: 50 },
    );
    const working = worker.run();
    await sleep(settleMs);
    const cpu = await cpuShare(scale.idleMs);

    const queue = await contender.queue(queueName);
    await addPaced(contender, queue, { from: 0, count: perPhase, seed: contender.seed });
    await addFromOtherProcess(contender, perPhase);
    const deadline = performance.now() + arriveDeadlineMs;
    while (started < 2 * perPhase && performance.now() < deadline) await sleep(10);
    await worker.close();
    await working;

    const same = latencies.slice(scale.warmUp, perPhase);
    const other = latencies.slice(perPhase + scale.warmUp);
    return {
      figures: {
        cpu: 100 * cpu,
        'same-process-p50': percentile(same, 50),
        'same-process-p95': percentile(same, 95),
        'other-process-p50': percentile(other, 50),
        'other-process-p95': percentile(other, 95),
        'other-process-max': percentile(other, 100),
      },
      checks: [ledger.check('handled exactly once')],
    };
  },
} satisfies Benchmark<{ idleMs: number; jobs: number; warmUp: number }>;

function oursAtMost(bound: number): Target[] {
  return [spillwayFull, spillwayNormal].map(({ name }) => ({ contender: name, of: 'value', bound }));
}

/** The processor time of this process over `ms`, as a share of one core. */
async function cpuShare(ms: number): Promise<number> {
  globalThis.gc?.();
  const start = performance.now();
  const before = process.cpuUsage();
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - start);
}

function addFromOtherProcess(contender: LiveContender, count: number): Promise<AdderReply> {
  return askChild<AdderRequest, AdderReply>(
    new URL('./load/adder-child.ts', import.meta.url),
    { ...contender.address, queueName, from: count, count },
    deadlineMs,
  );
}
