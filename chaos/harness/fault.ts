import type { Journal } from '../engine.ts';
import type { Stage } from './stage.ts';

/** A way to hurt Redis, the way to it, or the processes at work, and what must hold all the same. */
export interface Fault {
  /** As given on the command line. */
  readonly name: string;
  readonly title: string;
  /** Rows of the project's fault table (README.md). */
  readonly rows: readonly number[];
  /** Makes it. What it needs later it keeps on the stage, which is new for each run. */
  inject(stage: Stage): Promise<void> | void;
  /** Mends it, after `lastsMs`; Redis answers when this resolves. Nothing when not given. */
  heal?(stage: Stage): Promise<void> | void;
  /** Before any traffic. */
  prepare?(stage: Stage): Promise<void>;
  /** When all is over and Redis is well: adds its figures and findings. */
  conclude?(stage: Stage): Promise<void> | void;
  /** From `inject` to `heal`, drawn from this range, both ends included. 2 to 4 s when not given. */
  readonly lastsMs?: readonly [least: number, most: number];
  /** Times it is made in one run. 1 when not given. */
  readonly cycles?: number;
  /** Jobs a second. 200 when not given. */
  readonly rate?: number;
  /** What the workers can do, as a share of the rate: below 1 jobs pile up, so that there is something to lose. */
  readonly capacity?: number;
  /** For redis-server. An append-only file, fsynced every second, when not given. */
  readonly redis?: readonly string[];
  /** Finished jobs that stay in the queue. 1000 when not given. */
  readonly keepFinished?: number;
  /** `off` when not given. */
  readonly journal?: Journal;
  /** The children reach Redis through `stage.proxy`. */
  readonly proxied?: true;
  /** For the children read-only is read-only, also when root runs chaos. */
  readonly unprivileged?: true;
  /** There is nothing to see on an engine without a standby. */
  readonly needsStandby?: true;
  readonly expect?: Expectations;
}

/** On top of what always must hold. */
export interface Expectations {
  /** Redis cannot be used while it is on: some process must notice, and none may go back before the end. */
  readonly away?: true;
  /** How often a process may leave the primary in one strike. 2 when not given. */
  readonly mostSwitches?: number;
  /** Jobs that may run twice, as a share of the acknowledged. As many as can be at work at once when not given. */
  readonly duplicateShare?: number;
  /** It takes all data from under jobs at work: they run again, and so do those fetched meanwhile. */
  readonly emptied?: boolean;
  /** No job's result may be taken twice. */
  readonly completedOnce?: true;
}
