import type {
  FlowProducer,
  FlowProducerOptions,
  Job,
  JobProgress,
  Processor,
  Queue,
  QueueEvents,
  QueueEventsOptions,
  QueueOptions,
  Worker,
  WorkerOptions,
} from 'bullmq';
import type { EngineName } from '../config/index.ts';
import type { FailoverStatus, InlineHandler } from '../engines/failover/index.ts';
import type { WorkerBreaker } from './breaker-gate.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';

/** BullMQ's options of a Queue. The connection is Spillway's. */
export type QueueSettings = Omit<QueueOptions, 'connection'> & {
  /**
   * Runs a job inside `add` when neither Redis nor the SQLite file can keep it, instead of refusing it: `add` resolves when it has
   * run, at once whatever its delay, and rejects with what it throws. For work that may be done by whoever asks for it.
   * Of use on the engine failover only. Default: such a job is refused.
   */
  inline?: InlineHandler;
};
/**
 * BullMQ's options of a Worker. `concurrency` defaults to CONCURRENCY, then 1; `name` to WORKER_ID. With a `schema`
 * the type of `job.data` is inferred; it is not run again, what the queue stored has passed it.
 */
export type WorkerSettings = Omit<WorkerOptions, 'connection'> & {
  /**
   * The breaker or the provider chain its handler calls through, for handlers that are functions. While it is open the worker
   * fetches nothing, and a job whose call was refused goes back to the front of its queue without having spent an
   * attempt (`attemptsStarted` counts it all the same). It goes on by itself. Default: a refused call fails the job.
   */
  breaker?: WorkerBreaker;
};
export type QueueEventsSettings = Omit<QueueEventsOptions, 'connection'>;
export type FlowSettings = Omit<FlowProducerOptions, 'connection'>;

/** What may be said in advance about a queue: BullMQ's options, and the schema of its payloads. */
export type QueueDeclaration = QueueSettings & { schema?: StandardSchema };

/** All queues of an application: their names, or a map from name to what is said about each. */
export type QueueDeclarations = readonly string[] | Readonly<Record<string, QueueDeclaration>>;

/** The names that may be used: the declared ones, or any. */
export type QueueName<D extends QueueDeclarations> = D extends readonly (infer Name extends string)[]
  ? Name
  : Extract<keyof D, string>;

/** The declared names whose payloads have a schema. */
export type TypedQueueName<D extends QueueDeclarations> = D extends readonly string[]
  ? never
  : { [Name in keyof D]: D[Name] extends { schema: StandardSchema } ? Name : never }[keyof D] & string;

type DeclaredSchema<D extends QueueDeclarations, Name> = Name extends keyof D
  ? D[Name] extends { schema: infer S extends StandardSchema }
    ? S
    : never
  : never;

/** BullMQ's own default for data and results, so that code keeps its types when it moves to Spillway. */
export type Untyped = Job['data'];

/** A Queue whose `add` takes what the schema takes in, and whose jobs hold what the schema gives out. */
export type TypedQueue<Input, Output, Result = Untyped, Name extends string = string> = Queue<
  Job<Output, Result, Name>,
  Result,
  Name,
  Input,
  Result,
  Name
>;

/** How many jobs a queue has in each state, the same on every engine. */
export interface QueueStats {
  /** Ready to run, whether they have a priority or not. BullMQ counts those that have one apart. */
  waiting: number;
  active: number;
  completed: number;
  failed: number;
  delayed: number;
  /** Parents of a flow that wait for their children. */
  waitingChildren: number;
  /** Every job there is: the sum of the states above. */
  total: number;
  /** How many of those waiting have a priority; part of `waiting`, so no further jobs. */
  prioritized: number;
}

export interface SpillwayStats {
  /** The engine that keeps the jobs. */
  mode: EngineName;
  /** By queue name: every declared queue, and every other one opened here. */
  queues: Record<string, QueueStats>;
  /** On the engine failover: which home is in use, why, and how much waits to be given back. */
  failover?: FailoverStatus;
}

export type JobState =
  | 'waiting'
  | 'prioritized'
  | 'active'
  | 'completed'
  | 'failed'
  | 'delayed'
  | 'waiting-children';

/** What may be shown about a job. Its data is left out: that is for those who may read it. */
export interface JobStatus {
  id: string;
  name: string;
  queue: string;
  state: JobState;
  progress: JobProgress;
  attemptsMade: number;
  /** Milliseconds since 1970. */
  timestamps: { created: number; started?: number; finished?: number };
  failedReason?: string;
  returnvalue?: unknown;
}

/** BullMQ's objects on one engine, owned together. All throw SPILLWAY_CLOSED after `close()`. */
export interface Queues<D extends QueueDeclarations = readonly string[]> {
  /**
   * The Queue of this name: the same object each time. Throws SPILLWAY_INVALID_OPTION for a bad name or for options that differ
   * from those it was opened with (none means: as it is), SPILLWAY_UNKNOWN_QUEUE for a name that was not declared.
   *
   * Its `add` and `addBulk` reject with SPILLWAY_INVALID_JOB or SPILLWAY_INVALID_PAYLOAD before anything is stored.
   */
  queue<Name extends TypedQueueName<D>>(
    name: Name,
    options?: QueueSettings,
  ): TypedQueue<SchemaInput<DeclaredSchema<D, Name>>, SchemaOutput<DeclaredSchema<D, Name>>>;
  queue<S extends StandardSchema>(
    name: QueueName<D>,
    options: QueueSettings & { schema: S },
  ): TypedQueue<SchemaInput<S>, SchemaOutput<S>>;
  queue<Data = Untyped, Result = Untyped, Name extends string = string>(
    name: QueueName<D>,
    options?: QueueSettings,
  ): Queue<Data, Result, Name>;

  /** A new Worker; it starts at once unless `autorun` is false. Throws as `queue` does. */
  worker<Name extends TypedQueueName<D>, Result = Untyped>(
    name: Name,
    processor: Processor<SchemaOutput<DeclaredSchema<D, Name>>, Result>,
    options?: WorkerSettings,
  ): Worker<SchemaOutput<DeclaredSchema<D, Name>>, Result>;
  worker<S extends StandardSchema, Result = Untyped>(
    name: QueueName<D>,
    processor: Processor<SchemaOutput<S>, Result>,
    options: WorkerSettings & { schema: S },
  ): Worker<SchemaOutput<S>, Result>;
  worker<Data = Untyped, Result = Untyped, Name extends string = string>(
    name: QueueName<D>,
    processor: string | URL | null | Processor<Data, Result, Name>,
    options?: WorkerSettings,
  ): Worker<Data, Result, Name>;

  /** QueueEvents of a queue: without options the same object each time, with options a new one. */
  queueEvents(name: QueueName<D>, options?: QueueEventsSettings): QueueEvents;

  /** A FlowProducer: without options the same object each time, with options a new one. */
  flow(options?: FlowSettings): FlowProducer;

  /** Counts by state of every declared queue and every queue or worker opened here. */
  stats(): Promise<SpillwayStats>;

  /**
   * What is known of a job, or undefined. The queue must be declared or open here (else SPILLWAY_UNKNOWN_QUEUE): a
   * name that comes from a request must not open queues without end.
   */
  job(queue: QueueName<D>, id: string): Promise<JobStatus | undefined>;
}
