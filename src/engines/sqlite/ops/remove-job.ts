import type { Located } from '../keys.ts';
import { type QueueState, recount } from '../queue-state.ts';
import { Flag } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';
import { endDedupOnRemoval } from './dedup.ts';
import { dropFromParent } from './parents.ts';

/** Deletes a job and all that hangs on it; returns the state it was in, or undefined when it was gone already. */
export function deleteJob(
  session: Session,
  queue: QueueState,
  job: Pick<JobHead, 'row'>,
): JobHead['state'] | undefined {
  const deleted = session.jobs.delete(job.row);
  if (deleted === undefined) return undefined;
  recount(queue, deleted.state, null);
  if (deleted.flags !== 0) {
    if ((deleted.flags & Flag.payload) !== 0) session.jobs.dropPayload(job.row);
    if ((deleted.flags & Flag.children) !== 0) session.flows.dropChildren(job.row);
    if ((deleted.flags & Flag.logs) !== 0) session.flows.dropLogs(job.row);
  }
  return deleted.state;
}

/**
 * Removes a job as retention, clean, drain and obliterate do (removeJob.lua): its parent no longer waits for it.
 * @param hard a parent of the same queue whose last child this was is removed as well, instead of let go.
 * @param withDedup whether its de-duplication key goes too.
 */
export function removeJob(
  session: Session,
  queue: QueueState,
  job: JobHead,
  hard: boolean,
  withDedup: boolean,
): void {
  if (job.parentKey !== null) {
    dropFromParent(session, { queue, job }, hard, null, queue.name, (parent: Located) => {
      deleteJob(session, parent.queue, parent.job);
    });
  }
  if (withDedup && job.dedupId !== null) endDedupOnRemoval(session, queue, job.dedupId, job.id);
  deleteJob(session, queue, job);
}
