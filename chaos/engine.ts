/** All that chaos knows of the engines it tries: which there are, how they connect, how they tell their state. */
import { type Processor, Queue, type QueueOptions, Worker, type WorkerOptions } from 'bullmq';
import { createFailoverBackend, failoverOf } from '../src/engines/failover/index.ts';

/** `redis` is plain BullMQ, to compare with: it has no standby, no states and no deadline. */
export const ENGINES = ['failover', 'redis'] as const;
export type EngineName = (typeof ENGINES)[number];

export const JOURNALS = ['off', 'until-persisted', 'until-completed'] as const;
export type Journal = (typeof JOURNALS)[number];

/** The state in which all work goes to Redis. */
export const PRIMARY = 'primary';
/** The state in which what waits on the standby goes back to Redis. */
export const RETURNING = 'returning';

/** What a child process needs to open the engine under test. */
export interface EngineAddress {
  readonly engine: EngineName;
  /** Of Redis, or of the proxy before it, on 127.0.0.1. */
  readonly port: number;
  /** The standby's file. */
  readonly file: string;
  readonly journal: Journal;
  /** No call of a producer may take longer; milliseconds. */
  readonly deadlineMs: number;
}

export interface StateChange {
  /** None at the start of a process. */
  readonly from?: string | undefined;
  readonly to: string;
  readonly reason?: string | undefined;
}

export interface LiveEngine {
  queue(name: string, options: Omit<QueueOptions, 'connection'>): Queue;
  worker(name: string, handler: Processor, options: Omit<WorkerOptions, 'connection'>): Worker;
  /** Calls back with the state it is in, and at each change. Never, on an engine without states. */
  watch(source: Queue | Worker, listener: (change: StateChange) => void): void;
  /** Calls back with the id of each job that it says ran twice, or is about to, and how. */
  watchDuplicates(source: Queue | Worker, listener: (job: string, how: string) => void): void;
}

/** Opens nothing by itself: queues and workers connect. */
export function openEngine(address: EngineAddress): LiveEngine {
  const redis = { host: '127.0.0.1', port: address.port };
  if (address.engine === 'redis') {
    return {
      queue: (name, options) => new Queue(name, { ...options, connection: redis }),
      worker: (name, handler, options) => new Worker(name, handler, { ...options, connection: redis }),
      watch: () => {},
      watchDuplicates: () => {},
    };
  }
  const { file, journal, deadlineMs } = address;
  const connection = { redis, sqlite: { file }, journal, deadlineMs } as never;
  const factory = createFailoverBackend as never;
  return {
    queue: (name, options) => new Queue(name, { ...options, connection }, factory),
    worker: (name, handler, options) => new Worker(name, handler, { ...options, connection }, factory),
    watch(source, listener) {
      const failover = failoverOf(source);
      failover.on('state', listener);
      const { state, reason } = failover.status();
      listener({ to: state, reason });
    },
    watchDuplicates(source, listener) {
      failoverOf(source).on('duplicate', ({ job, how }) => listener(job, how));
    },
  };
}
