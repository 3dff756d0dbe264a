import type { BenchWorker, BenchWorkerOptions } from './engines.ts';
import type { Ledger } from './exactly-once.ts';
import type { LiveContender } from './live-contender.ts';

const stuckAfterMs = 60_000;

/**
 * Opens a worker whose handler does nothing but mark the ledger. It starts with `run()`.
 */
export function openNoOpWorker(
  contender: LiveContender,
  queueName: string,
  ledger: Ledger,
  options: BenchWorkerOptions,
): Promise<BenchWorker> {
  return contender.worker(queueName, async job => ledger.mark(job.data.seq), options);
}

/**
 * Starts the worker and waits until `jobs` jobs are completed: BullMQ's `completed` event, so the result is stored.
 * `onCompleted` is told the count so far. Throws when nothing completes for a minute.
 */
export function runUntilCompleted(
  worker: BenchWorker,
  jobs: number,
  onCompleted?: (count: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let completed = 0;
    let seenByWatch = -1;
    const watch = setInterval(() => {
      if (completed === seenByWatch) fail(new Error(`stuck: ${completed} of ${jobs} jobs completed`));
      seenByWatch = completed;
    }, stuckAfterMs);
    const fail = (error: unknown) => {
      clearInterval(watch);
      reject(error);
    };
    worker.on('completed', () => {
      completed += 1;
      onCompleted?.(completed);
      if (completed !== jobs) return;
      clearInterval(watch);
      resolve();
    });
    worker.on('failed', (_job, error) => fail(error));
    worker.run().catch(fail);
  });
}
