import { ErrorCode } from '../codes.ts';
import type { QueueState } from '../queue-state.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';

/*
 * A lock is a time to live, as in Redis: after its end it is as if it had never been, also for its owner.
 */

export function isLocked(session: Session, job: Pick<JobHead, 'lockToken' | 'lockUntil'>): boolean {
  return job.lockToken !== null && job.lockUntil > session.monotonic();
}

/** Ends the lock if `token` holds it (removeLock.lua); '0' holds none and ends none. */
export function endLock(
  session: Session,
  job: Pick<JobHead, 'row' | 'lockToken' | 'lockUntil'>,
  token: string,
): 0 | ErrorCode.JobLockNotExist | ErrorCode.JobLockMismatch {
  if (token === '0') return 0;
  if (!isLocked(session, job)) return ErrorCode.JobLockNotExist;
  if (job.lockToken !== token) return ErrorCode.JobLockMismatch;
  session.jobs.unlock(job.row);
  return 0;
}

/** Sets the lock's end anew if `token` holds it still; tells whether it did. */
export function extendLock(
  session: Session,
  queue: QueueState,
  id: string,
  token: string,
  duration: number,
): boolean {
  const now = session.monotonic();
  return session.jobs.extendLock(queue.num, id, token, now + duration, queue.stalledEpoch, now);
}
