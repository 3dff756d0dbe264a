import type { KeepJobs } from 'bullmq';
import type { Clock } from '../../shared/clock.ts';
import type { SqliteQueueBackend } from '../sqlite/index.ts';
import type { DeferredOperation, Ledger } from './ledger/index.ts';
import type { ResolvedFailoverOptions } from './options.ts';
import type { Primary } from './primary/primary.ts';

/** An operation to be kept; its arguments are what JSON can hold. */
export type DeferredEntry = Omit<DeferredOperation, 'args'> & { args: readonly unknown[] };

/** A backend that shares the controller. */
export interface Attached {
  queue: string;
  isWorker: boolean;
  removeOnComplete: KeepJobs | undefined;
  /** The primary is given up: throw away what hangs on it. */
  primaryLost(): void;
}

/** What the controller is made of; tests inject theirs. */
export interface ControllerParts {
  options: ResolvedFailoverOptions;
  primary: Primary;
  ledger: Ledger;
  /** The controller's own view of the standby, on no queue in particular. */
  standby: SqliteQueueBackend;
  clock: Clock;
  random: () => number;
  /** Names this process among all. */
  processId: string;
}
