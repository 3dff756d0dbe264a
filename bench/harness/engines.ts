import { existsSync } from 'node:fs';
import type { BackendFactory, IQueueBackend, Processor, WorkerOptions } from 'bullmq';
import { Queue, Worker } from 'bullmq';
import type { SqliteConnectionOptions } from '../../src/engines/sqlite/options.ts';
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
  return store.kind === 'redis' ? redisEngine(store.port) : sqliteEngine(store.file, store.durability);
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
  const factory = await loadSqliteBackend();
  const connection: SqliteConnectionOptions = { file, durability };
  return {
    queue: name =>
      new Queue<JobData, void, string, JobData, void, string, IQueueBackend, SqliteConnectionOptions>(
        name,
        { connection },
        factory,
      ),
    worker: (name, processor, options) => new Worker(name, processor, { connection, ...options }, factory),
  };
}

type SqliteBackendFactory = BackendFactory<IQueueBackend, SqliteConnectionOptions>;

const sqliteModule = new URL('../../src/engines/sqlite/index.ts', import.meta.url);

/** False while the SQLite engine is not in the tree: the harness then runs with the other contenders only. */
export function sqliteAvailable(): boolean {
  return existsSync(sqliteModule);
}

// Imported by address, not by a literal path, so that this type-checks before the engine exists; and lazily, so
// that a Redis run does not carry the engine in its heap.
async function loadSqliteBackend(): Promise<SqliteBackendFactory> {
  const module = (await import(sqliteModule.href)) as { createSqliteBackend: SqliteBackendFactory };
  return module.createSqliteBackend;
}
