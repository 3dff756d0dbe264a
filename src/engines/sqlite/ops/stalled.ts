import type { QueueState } from '../queue-state.ts';
import { State } from '../schema.ts';
import type { Session } from '../session.ts';
import { frontScore, moveTo } from './place.ts';

/** How many jobs one check gives back at most; the next check goes on. */
const MAX_PER_CHECK = 1000;

/**
 * Gives jobs back whose worker has died: active at the last check already, not renewed since, and without a live lock
 * (moveStalledJobsToWait.lua). Instead of Redis' set of candidates, each claim and renewal notes how many checks there
 * had been (`claim_epoch`): a job of an earlier epoch is a candidate.
 * @returns the ids of the jobs given back.
 */
export function recoverStalled(
  session: Session,
  queue: QueueState,
  maxStalledCount: number,
  stalledInterval: number,
): string[] {
  const now = session.monotonic();
  if (queue.stalledUntil > now) return [];
  queue.stalledUntil = now + stalledInterval;
  queue.dirty = true;
  const stalled = session.jobs.stalled(queue.num, queue.stalledEpoch, now, MAX_PER_CHECK);
  for (const job of stalled) {
    const stalledCount = job.stalledCount + 1;
    const scheduled =
      job.schedulerId !== null && session.queues.scheduler(queue.num, job.schedulerId) !== undefined;
    session.jobs.update(job.row, {
      stalled_count: stalledCount,
      lock_token: null,
      lock_until: null,
      ...(stalledCount > maxStalledCount && !scheduled
        ? { deferred_failure: 'job stalled more than allowable limit' }
        : {}),
    });
    // To the front of `wait`, also if it has a priority.
    moveTo(session, queue, job, State.wait, frontScore(queue));
    session.emit(queue, 'waiting', 'jobId', job.id, 'prev', 'active');
    session.emit(queue, 'stalled', 'jobId', job.id);
  }
  queue.stalledEpoch += 1;
  return stalled.map(job => job.id);
}
