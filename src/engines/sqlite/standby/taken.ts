import type { JobJson, JobsOptions, RepeatableOptions } from 'bullmq';

/**
 * A job that was taken out of the file, with all that is needed to make it anew elsewhere.
 *
 * @internal
 */
export interface TakenJob {
  /** Qualified name, `<prefix>:<queue>`. */
  queue: string;
  id: string;
  /**
   * As the contract's `getJobData` answers it, with its id: attempts, progress, failedReason, stacktrace and so on. `opts`
   * are as the user gave them; `delay` and `priority` are what counts now, which a retry or a promotion has changed.
   */
  job: JobJson;
  state: 'waiting' | 'prioritized' | 'delayed' | 'waiting-children';
  /** When a delayed job is due, ms since 1970; after a backoff that is not `timestamp + opts.delay`. */
  due: number | null;
  /** Whether it had been put in front of the waiting jobs: lifo, a retry, a stalled job, a parent that was let go. */
  front: boolean;
  /** The de-duplication key it held; `until` null = until the job has finished, else ms since 1970. */
  dedup: { id: string; until: number | null } | null;
  logs: string[];
  /** Its place within its state in this file, to be put back to. */
  score: number;
}

/**
 * A job scheduler that was taken out, as the contract's `addJobScheduler` takes one.
 *
 * @internal
 */
export interface TakenScheduler {
  queue: string;
  id: string;
  /** When it runs next, ms since 1970; without a planned job in its unit, when it ran last. */
  next: number;
  /** How many jobs it has made. */
  iterations: number;
  /** The template's data, JSON text. */
  data: string;
  templateOpts: JobsOptions;
  repeat: RepeatableOptions;
  /** The planned job's options; those of the template when there is none. */
  jobOpts: JobsOptions;
  /** As it is stored here. */
  fields: Record<string, string>;
}

/**
 * What moves together: a job alone, a flow (parents before their children, the root first, then the leaves in the order
 * they wait), or a scheduler with the job it has planned.
 *
 * @internal
 */
export interface TakenUnit {
  jobs: TakenJob[];
  scheduler?: TakenScheduler;
}

/**
 * Where a walk through a queue's jobs stands: the last job looked at.
 *
 * @internal
 */
export interface Place {
  state: number;
  score: number;
  id: string;
}
