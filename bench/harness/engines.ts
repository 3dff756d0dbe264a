import type { Processor, WorkerOptions } from 'bullmq';
import { Queue, Worker } from 'bullmq';
import type { FailoverConnectionOptions, FailoverQueueBackend } from '../../src/engines/failover/index.ts';
import type { SqliteConnectionOptions, SqliteQueueBackend } from '../../src/engines/sqlite/index.ts';
import type { JobData } from './payload.ts';
import type { StoreAddress } from './store.ts';

/** The part of BullMQ's Queue that benchmarks use, the same for every store. */
export type BenchQueue = Pick<
  Queue<JobData, void, string>,
  | 'add'
  | 'addBulk'
  | 'clean'
  | 'close'
  | 'drain'
  | 'getJobCounts'
  | 'getRanges'
  | 'obliterate'
  | 'waitUntilReady'
>;

export interface BenchWorker extends Pick<Worker<JobData, void, string>, 'close' | 'run' | 'waitUntilReady'> {
  on(event: 'completed', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'failed', listener: (job: unknown, error: Error) => void): unknown;
}

export type BenchProcessor = Processor<JobData, void, string>;
export type BenchWorkerOptions = Pick<WorkerOptions, 'autorun' | 'concurrency' | 'removeOnComplete'>;

/** Opens queues and workers on one store. */
export interface Engine {
  queue(name: string): BenchQueue;
  worker(name: string, processor: BenchProcessor, options: BenchWorkerOptions): BenchWorker;
}

export async function openEngine(store: StoreAddress): Promise<Engine> {
  switch (store.kind) {
    case 'redis':
      return redisEngine(store.port);
    case 'failover':
      return failoverEngine(store.port, store.file);
    case 'sqlite':
      return sqliteEngine(store.file, store.durability);
    case 'none':
      return noEngine;
  }
}

const noEngine: Engine = {
  queue: name => refuse(name),
  worker: name => refuse(name),
};

function refuse(name: string): never {
  throw new Error(`This contender has no store to keep queue ${name} in`);
}

/** Connection options as a user would write them: host and port, everything else BullMQ's own default. */
function redisEngine(port: number): Engine {
  const connection = { host: '127.0.0.1', port };
  return {
    queue: name => new Queue<JobData, void, string>(name, { connection }),
    worker: (name, processor, options) =>
      new Worker<JobData, void, string>(name, processor, { connection, ...options }),
  };
}

async function sqliteEngine(file: string, durability: 'full' | 'normal'): Promise<Engine> {
  // Loaded here and not above, so that a Redis run does not carry the engine in its heap.
  const { createSqliteBackend } = await import('../../src/engines/sqlite/index.ts');
  const connection: SqliteConnectionOptions = { file, durability };
  return {
    queue: name =>
      new Queue<JobData, void, string, JobData, void, string, SqliteQueueBackend, SqliteConnectionOptions>(
        name,
        { connection },
        createSqliteBackend,
      ),
    worker: (name, processor, options) =>
      new Worker(name, processor, { connection, ...options }, createSqliteBackend),
  };
}

async function failoverEngine(port: number, file: string): Promise<Engine> {
  const { createFailoverBackend } = await import('../../src/engines/failover/index.ts');
  const connection: FailoverConnectionOptions = { redis: { host: '127.0.0.1', port }, sqlite: { file } };
  return {
    queue: name =>
      new Queue<
        JobData,
        void,
        string,
        JobData,
        void,
        string,
        FailoverQueueBackend,
        FailoverConnectionOptions
      >(name, { connection }, createFailoverBackend),
    worker: (name, processor, options) =>
      new Worker(name, processor, { connection, ...options }, createFailoverBackend),
  };
}
