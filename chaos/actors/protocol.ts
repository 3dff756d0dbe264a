/** What the runner and its child processes say to each other, as lines of JSON. */
import type { EngineAddress, StateChange } from '../engine.ts';

export interface ActorConfig {
  readonly engine: EngineAddress;
  readonly queue: string;
  /** Of this process; part of every key it makes. */
  readonly name: string;
  readonly log: string;
}

export interface ProducerConfig extends ActorConfig {
  /** Jobs a second. */
  readonly rate: number;
  /** Finished jobs that stay in the queue. */
  readonly keepFinished: number;
}

export interface WorkerConfig extends ActorConfig {
  readonly concurrency: number;
  /** How long the work of one job takes. */
  readonly handlerMs: number;
  readonly lockMs: number;
  readonly stalledCheckMs: number;
  /** Where the work done is recorded, so that it is done once. Not recorded when not given. */
  readonly doneFile?: string | undefined;
}

export type Command =
  /** Producers: adds at the rate, until `stop`; each call is open, however long the others take. */
  | { readonly do: 'start' }
  /** Producers: adds no more; answered when the calls under way have settled, or did not in time. */
  | { readonly do: 'stop'; readonly settleMs: number; readonly n: number }
  /** Producers: adds this many, besides the rate, some at a time; answered with how many were acknowledged. */
  | { readonly do: 'burst'; readonly count: number; readonly atOnce: number; readonly n: number }
  /** Producers: answered with how many jobs are left in the queue, in any unfinished state. */
  | { readonly do: 'unfinished'; readonly n: number }
  /** Workers: keeps the event loop busy for so long. */
  | { readonly do: 'block'; readonly forMs: number }
  /** Workers: finishes its jobs and ends. */
  | { readonly do: 'close' };

export type Message =
  | { readonly event: 'ready' }
  | (StateChange & { readonly event: 'state'; readonly at: number })
  | { readonly event: 'answer'; readonly n: number; readonly value: number };
