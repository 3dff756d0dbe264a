import type { Contender } from './contenders.ts';
import type { BenchProcessor, BenchQueue, BenchWorker, BenchWorkerOptions } from './engines.ts';
import { openEngine } from './engines.ts';
import type { Check } from './exactly-once.ts';
import type { JobData } from './payload.ts';
import { jobDataSource } from './payload.ts';
import type { StoreAddress } from './store.ts';

/** A contender inside the process that measures it: its store is up and empty. */
export interface LiveContender {
  readonly name: string;
  /** To hand to a further process. */
  readonly address: ContenderAddress;
  readonly seed: number;
  /** The data of job `seq`, 300 bytes. */
  data(seq: number): JobData;
  /** Opens a queue and waits until it is ready. Closed at the end of the run. */
  queue(name: string): Promise<BenchQueue>;
  /** Opens a worker that starts when `run()` is called. The benchmark closes it. */
  worker(name: string, processor: BenchProcessor, options: BenchWorkerOptions): Promise<BenchWorker>;
}

export interface ContenderAddress {
  readonly contender: Contender;
  readonly store: StoreAddress;
  readonly seed: number;
}

export interface OpenContender {
  readonly live: LiveContender;
  /** Closes every queue and reports whether BullMQ raised an `error` event meanwhile. */
  close(): Promise<Check>;
}

export async function openContender(address: ContenderAddress): Promise<OpenContender> {
  const { contender, store, seed } = address;
  const engine = await openEngine(store);
  const queues: BenchQueue[] = [];
  const errors: Error[] = [];
  const live: LiveContender = {
    name: contender.name,
    address: { contender, store, seed },
    seed,
    data: jobDataSource(seed),
    async queue(name) {
      const queue = engine.queue(name);
      queues.push(queue);
      await queue.waitUntilReady();
      return queue;
    },
    async worker(name, processor, options) {
      const worker = engine.worker(name, processor, { ...options, autorun: false });
      worker.on('error', error => errors.push(error));
      await worker.waitUntilReady();
      return worker;
    },
  };
  return {
    live,
    async close() {
      const detail = errors.length === 0 ? 'none' : `${errors.length}, first: ${errors[0]?.message}`;
      await Promise.all(queues.map(queue => queue.close()));
      return { name: 'no error events', ok: errors.length === 0, detail };
    },
  };
}
