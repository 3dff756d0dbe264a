import type { Clock } from '../../shared/clock.ts';
import type { SqliteQueueBackend } from '../sqlite/index.ts';
import type { DeferredOperation, Ledger } from './ledger/index.ts';
import type { MachineOptions } from './machine.ts';
import type { ResolvedFailoverOptions } from './options.ts';
import type { Primary } from './primary/primary.ts';

/** An operation to be kept; its arguments are what JSON can hold. */
export type DeferredEntry = Omit<DeferredOperation, 'args'> & { args: readonly unknown[] };

/** What the controller is made of; tests inject theirs. */
export interface ControllerParts {
  options: ResolvedFailoverOptions;
  machine: MachineOptions;
  primary: Primary;
  ledger: Ledger;
  /** The controller's own view of the standby, on no queue in particular. */
  standby: SqliteQueueBackend;
  clock: Clock;
  random: () => number;
  /** Names this process among all. */
  processId: string;
}
