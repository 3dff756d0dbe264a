import { ErrorCode } from '../codes.ts';
import { fieldColumns } from '../job-row.ts';
import { type QueueState, recount } from '../queue-state.ts';
import { ChildKind, State } from '../schema.ts';
import type { Session } from '../session.ts';
import { type Claimed, type ClaimOptions, fetchNext } from './claim.ts';
import { ensureMaxEvents } from './events.ts';
import { windowTtl } from './limiter.ts';
import { endLock } from './locks.ts';
import { returnToParent } from './parents.ts';
import {
  backScore,
  delayedScore,
  frontPriorityScore,
  frontScore,
  makeAvailable,
  moveTo,
  priorityScore,
  promoteDue,
} from './place.ts';

type Fields = Readonly<Record<string, unknown>> | undefined;

/** Puts an active job back to be tried again (retryJob.lua). */
export function retryJob(
  session: Session,
  queue: QueueState,
  id: string,
  lifo: boolean,
  token: string,
  fields: Fields,
): number {
  promoteDue(session, queue, session.now());
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  const locked = endLock(session, job, token);
  if (locked < 0) return locked;
  session.jobs.update(job.row, fieldColumns(fields));
  if (job.state !== State.active) return ErrorCode.JobNotInState;
  makeAvailable(session, queue, job, lifo ? 'front' : 'back');
  session.jobs.update(job.row, { attempts_made: job.attemptsMade + 1 });
  ensureMaxEvents(session, queue);
  session.emit(queue, 'waiting', 'jobId', id, 'prev', 'active');
  return 0;
}

export interface ToDelayed {
  id: string;
  timestamp: number;
  delay: number;
  token: string;
  skipAttempt: boolean;
  fields: Fields;
  /** Set when the next job is to be claimed. */
  claim: ClaimOptions | undefined;
}

/** Delays an active job (moveToDelayed.lua). */
export function moveToDelayed(session: Session, queue: QueueState, move: ToDelayed): Claimed | [] | number {
  const job = session.jobs.head(queue.num, move.id);
  if (job === undefined) return ErrorCode.JobNotExist;
  const locked = endLock(session, job, move.token);
  if (locked < 0) return locked;
  session.jobs.update(job.row, fieldColumns(move.fields));
  if (job.state !== State.active) return ErrorCode.JobNotInState;
  const [score, due] = delayedScore(session, queue, move.timestamp, move.delay);
  session.jobs.update(job.row, {
    delay: move.delay,
    attempts_made: job.attemptsMade + (move.skipAttempt ? 0 : 1),
  });
  ensureMaxEvents(session, queue);
  moveTo(session, queue, job, State.delayed, score);
  session.emit(queue, 'delayed', 'jobId', move.id, 'delay', String(due));
  if (move.claim !== undefined) {
    const next = fetchNext(session, queue, move.claim, move.timestamp);
    if (next?.[0]) return next;
  }
  return [];
}

/** Puts an active job back to the front, because a rate limit was hit (moveJobFromActiveToWait.lua); returns the limit's ttl. */
export function moveToWait(session: Session, queue: QueueState, id: string, token: string): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  const locked = endLock(session, job, token);
  if (locked < 0) return locked;
  if (job.state === State.active) {
    if (job.priority > 0) moveTo(session, queue, job, State.prioritized, frontPriorityScore(job.priority));
    else moveTo(session, queue, job, State.wait, frontScore(queue));
    ensureMaxEvents(session, queue);
    session.emit(queue, 'waiting', 'jobId', id, 'prev', 'active');
  }
  return Math.max(0, windowTtl(session, queue));
}

/**
 * Lets an active parent wait for its children (moveToWaitingChildren.lua).
 * @param child wait only if this child is pending; null = if any is.
 * @returns 0 moved, 1 nothing to wait for, or a negative ErrorCode.
 */
export function moveToWaitingChildren(
  session: Session,
  queue: QueueState,
  id: string,
  token: string,
  child: string | null,
): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  if (session.flows.anyChild(job.row, ChildKind.unsuccessful)) return ErrorCode.JobHasFailedChildren;
  const pending =
    child === null
      ? session.flows.anyChild(job.row, ChildKind.pending)
      : session.flows.hasChild(job.row, ChildKind.pending, child);
  if (!pending) return 1;
  const locked = endLock(session, job, token);
  if (locked < 0) return locked;
  if (job.state !== State.active) return ErrorCode.JobNotInState;
  moveTo(session, queue, job, State.waitingChildren, session.now());
  session.emit(queue, 'waiting-children', 'jobId', id, 'prev', 'active');
  return 0;
}

/** Makes a delayed job available now (promote.lua). */
export function promote(session: Session, queue: QueueState, id: string): number {
  const job = session.jobs.head(queue.num, id);
  if (job?.state !== State.delayed) return ErrorCode.JobNotInState;
  makeAvailable(session, queue, job, 'back');
  session.jobs.update(job.row, { delay: 0 });
  session.emit(queue, 'waiting', 'jobId', id, 'prev', 'delayed');
  return 0;
}

/** Delays a delayed job anew, `delay` ms from now (changeDelay.lua). */
export function changeDelay(session: Session, queue: QueueState, id: string, delay: number): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  if (job.state !== State.delayed) return ErrorCode.JobNotInState;
  const [score, due] = delayedScore(session, queue, session.now(), delay);
  session.jobs.update(job.row, { delay });
  moveTo(session, queue, job, State.delayed, score);
  ensureMaxEvents(session, queue);
  session.emit(queue, 'delayed', 'jobId', id, 'delay', String(due));
  return 0;
}

/** Gives a job another priority; one that waits is put in its new place (changePriority.lua). */
export function changePriority(
  session: Session,
  queue: QueueState,
  id: string,
  priority: number,
  lifo: boolean,
): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  if (job.state === State.prioritized || job.state === State.wait) {
    if (priority === 0) {
      moveTo(session, queue, job, State.wait, lifo ? frontScore(queue) : backScore(queue));
    } else {
      const score = lifo ? frontPriorityScore(priority) : priorityScore(queue, priority);
      moveTo(session, queue, job, State.prioritized, score);
    }
  }
  session.jobs.update(job.row, { priority });
  return 0;
}

/** Puts a finished job back to work (reprocessJob.lua): 1, or a negative ErrorCode. */
export function reprocess(
  session: Session,
  queue: QueueState,
  id: string,
  from: 'completed' | 'failed',
  lifo: boolean,
  reset: { attemptsMade: boolean; attemptsStarted: boolean },
): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  const state = from === 'completed' ? State.completed : State.failed;
  if (job.state !== state) return ErrorCode.JobNotInState;
  const prioritized = job.priority > 0;
  const score = prioritized
    ? priorityScore(queue, job.priority)
    : lifo
      ? frontScore(queue)
      : backScore(queue);
  const target = prioritized ? State.prioritized : State.wait;
  session.jobs.update(job.row, {
    state: target,
    score,
    finished_on: null,
    processed_on: null,
    [from === 'completed' ? 'return_value' : 'failed_reason']: null,
    ...(reset.attemptsMade ? { attempts_made: 0 } : {}),
    ...(reset.attemptsStarted ? { attempts_started: 0 } : {}),
  });
  recount(queue, state, target);
  returnToParent(session, { queue, job }, from);
  ensureMaxEvents(session, queue);
  session.emit(queue, 'waiting', 'jobId', id, 'prev', from);
  return 1;
}

/**
 * Moves jobs finished (or due) up to `timestamp` back to the end of `wait` (moveJobsToWait.lua): whatever their
 * priority, attempts and stack traces kept.
 * @returns how many were moved.
 */
export function moveJobsToWait(
  session: Session,
  queue: QueueState,
  from: 'completed' | 'failed' | 'delayed',
  limit: number,
  timestamp: number,
): number {
  const state = State[from];
  const jobs = session.jobs.headsUpTo(queue.num, state, timestamp, false, limit);
  if (jobs.length === 0) return 0;
  ensureMaxEvents(session, queue);
  for (const job of jobs) {
    const score = backScore(queue);
    if (from === 'delayed') session.jobs.move(job.row, State.wait, score);
    else {
      session.jobs.update(job.row, {
        state: State.wait,
        score,
        finished_on: null,
        processed_on: null,
        [from === 'completed' ? 'return_value' : 'failed_reason']: null,
      });
      returnToParent(session, { queue, job }, from);
    }
    recount(queue, state, State.wait);
    session.emit(queue, 'waiting', 'jobId', job.id, 'prev', from);
  }
  return jobs.length;
}
