import type { IQueueBackend, JobsOptions, KeepJobs } from 'bullmq';

/** A claim's answer: the job or null, its id, when the rate limit ends, when the next delayed job is due. */
export type Answer = unknown[];
/** What the contract's reports answer: a claim, or nothing. */
export type MaybeAnswer = Awaited<ReturnType<IQueueBackend['moveToDelayed']>>;
export type Finished = { result: MaybeAnswer; finishedOn: number };
export type Keep = boolean | number | KeepJobs | undefined;

/** How a job ended, and how to say so to a backend. */
export interface Report {
  op: 'completed' | 'failed';
  /** What must be kept of it when it can't be said now. */
  args(): readonly unknown[];
  to(backend: IQueueBackend, fetchNext: boolean): Promise<Finished>;
}

/** What BullMQ's Redis backend reads of a job when it finishes it. */
type FinishOpts = Pick<
  JobsOptions,
  | 'attempts'
  | 'failParentOnFailure'
  | 'continueParentOnFailure'
  | 'ignoreDependencyOnFailure'
  | 'removeDependencyOnFailure'
>;

/** Whether a claim has got a job, or says what to wait for. */
export function isTelling(answer: MaybeAnswer): boolean {
  return Boolean(answer?.[0] || answer?.[2] || answer?.[3]);
}

export function finishOpts(opts: JobsOptions): FinishOpts {
  const { attempts, failParentOnFailure, continueParentOnFailure } = opts;
  const { ignoreDependencyOnFailure, removeDependencyOnFailure } = opts;
  return {
    attempts,
    failParentOnFailure,
    continueParentOnFailure,
    ignoreDependencyOnFailure,
    removeDependencyOnFailure,
  } as FinishOpts;
}
