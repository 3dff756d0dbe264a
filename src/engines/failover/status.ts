import type { EngineState, Transition } from './machine.ts';
import type { JournalMode } from './options.ts';
import type { StandbyTrouble } from './standby-watch.ts';
import type { StatisticsSnapshot } from './statistics.ts';

/** Which rung of the degradation ladder takes new jobs. */
export type Rung = 'primary' | 'standby' | 'inline' | 'refusing';

/** How the engine is doing; everything a health page needs. */
export interface FailoverStatus extends StatisticsSnapshot {
  state: EngineState;
  /** Why it is in this state. */
  reason: string;
  /** How long it has been, in ms. */
  forMs: number;
  /** The primary, without credentials. */
  target: string;
  rung: Rung;
  journal: JournalMode;
  /** Why the standby takes nothing now; undefined while it does. */
  standbyTrouble: StandbyTrouble | undefined;
  /** Jobs on the standby that are still to be run or given back. */
  pending: number;
}

/** How the return of the standby's jobs goes. */
export interface DrainProgress {
  /** Jobs given back since the primary came back. */
  moved: number;
  /** Jobs left on the standby. */
  pending: number;
  /** Jobs a second, over the drain so far. */
  perSecond: number;
  /** Time left at this rate, in ms; null when it can't be told. */
  leftMs: number | null;
}

export interface Loss {
  /** `emptied`: nothing of it is left (FLUSHALL, restarted without its data). `rolled-back`: its latest writes are gone. */
  kind: 'emptied' | 'rolled-back';
  /** Jobs added again from the journal. */
  recovered: number;
  /** Jobs that were there when last looked at and are gone, as near as can be told; 0 with a complete journal. */
  lost: number;
  journal: JournalMode;
}

/** What a controller emits; each is worth a line in a log, a metric or an alert. */
export interface FailoverEvents {
  /** The engine changed its state. */
  state: [Transition];
  /** The outcome of adds is unknown; their copies are on the standby. */
  unknown: [{ queue: string; jobs: number; failure: string }];
  /** A job ran twice, or is about to, because of a fault. */
  duplicate: [{ queue: string; job: string; how: string }];
  /** The primary lost data. */
  loss: [Loss];
  /** About once a second while jobs are given back, and at the end. */
  drain: [DrainProgress];
  /** Another rung below the primary takes new jobs, or none does; or the standby does again. */
  rung: [{ rung: Exclude<Rung, 'primary'>; reason: string }];
  /** The standby's file takes nothing any more, with why, or (undefined) does again. */
  standby: [{ trouble: StandbyTrouble | undefined }];
  /** Finished jobs were removed from a full primary. */
  room: [{ removed: number }];
  /** Something that could not be given back, with why. */
  undeliverable: [{ queue: string; job: string | null; op: string; why: string }];
  /** An internal failure that stopped nothing. */
  trouble: [Error];
}
