import type { IQueueBackend, JobJson, JobsOptions } from 'bullmq';
import type { TakenJob, TakenScheduler } from '../../sqlite/index.ts';

/** How a backend is given a job: an entry of `addFlow`, whose parts `addJob` takes as well. */
export type FlowEntry = Parameters<IQueueBackend['addFlow']>[0][number];

/**
 * The call that makes a taken job anew on any backend, in the state it was in: a delayed one is due at the same time; a
 * waiting or prioritized one goes behind those of its kind, so that jobs added in the order they were taken keep it. Hence
 * the options differ where the job has moved on since it was added: `delay` and `priority` are those that count now, and
 * one that waits has no `lifo`. It claims its de-duplication key only if it held it.
 *
 * Attempts, progress, log lines and the like have no place in the contract's calls: they are in the TakenJob.
 */
export function entryOf({ queue, id, job, state, due, dedup }: TakenJob): FlowEntry {
  const cut = queue.lastIndexOf(':');
  const { deduplicationId: _, debounceId: __, ...rest } = job;
  const jobData: JobJson = { ...rest, opts: placing(job, state, due) };
  if (dedup !== null) jobData.deduplicationId = dedup.id;
  return {
    jobData,
    jobId: id,
    parentKeyOpts: {
      ...(job.parentKey === undefined
        ? {}
        : { parentKey: job.parentKey, parentDependenciesKey: `${job.parentKey}:dependencies` }),
      addToWaitingChildren: state === 'waiting-children',
    },
    prefix: queue.slice(0, cut),
    queueName: queue.slice(cut + 1),
  };
}

function placing(job: JobJson, state: TakenJob['state'], due: number | null): JobsOptions {
  // What a parent was given counts when its children are done.
  if (state === 'waiting-children') return job.opts;
  const { delay: _, priority: __, lifo, ...opts } = job.opts;
  return {
    ...opts,
    ...(job.priority ? { priority: job.priority } : {}),
    // Due times are kept to the millisecond; one that is over is due at once.
    ...(due === null ? {} : { delay: Math.max(1, due - job.timestamp), ...(lifo ? { lifo } : {}) }),
  };
}

/**
 * The arguments of `addJobScheduler` that make a taken scheduler anew, to run next when it would have. For one whose unit
 * holds a planned job; one without has come to its end (its limit, its end date) and would only be run once too often.
 */
export function schedulerCallOf(taken: TakenScheduler): Parameters<IQueueBackend['addJobScheduler']> {
  const { id, next, data, templateOpts, repeat, jobOpts } = taken;
  // A new `every` scheduler begins at its start date, or at once: this one goes on at its next slot.
  const going = repeat.every === undefined ? repeat : { ...repeat, startDate: next };
  return [id, next, data, templateOpts, going, jobOpts];
}
