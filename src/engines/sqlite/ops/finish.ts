import type { KeepJobs } from 'bullmq';
import { ErrorCode } from '../codes.ts';
import { fieldColumns } from '../job-row.ts';
import { jobKey, locate, locateParent, parseParent } from '../keys.ts';
import { count, type QueueState, recount } from '../queue-state.ts';
import { ChildKind, Flag, State } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';
import { enqueue } from './add.ts';
import { type Claimed, type ClaimOptions, fetchNext } from './claim.ts';
import { endDedupOnFinish, takeNext } from './dedup.ts';
import { ensureMaxEvents } from './events.ts';
import { endLock } from './locks.ts';
import { collectMetric } from './metrics.ts';
import { addPending, completeChild, dropFromParent, failChild } from './parents.ts';
import { deleteJob, removeJob } from './remove-job.ts';

export interface Finish {
  id: string;
  target: 'completed' | 'failed';
  /** The return value as JSON, or the reason of the failure. */
  value: string;
  keep: Partial<Record<'count' | 'age' | 'limit', number | undefined>>;
  attempts: number | undefined;
  fetchNext: boolean;
  /** Whether it is told when nothing is left to do. */
  tellsDrained: boolean;
  /** Data points of the worker's metrics; 0 = none. */
  maxMetrics: number;
  fields: Readonly<Record<string, unknown>> | undefined;
  claim: ClaimOptions;
}

/** At most so many jobs go at once when a retention by count is first applied to a long history; the rest goes with the next finished jobs. */
const MAX_TRIM = 1000;

/** What `removeOnComplete` / `removeOnFail` mean; `count: -1` keeps all (getKeepJobs). */
export function keepJobs(
  own: boolean | number | KeepJobs | undefined,
  worker: KeepJobs | undefined,
): Finish['keep'] {
  if (own === undefined) return worker ?? { count: -1 };
  if (typeof own === 'object') return own;
  if (typeof own === 'number') return { count: own };
  return { count: own ? 0 : -1 };
}

/**
 * Moves an active job to completed or failed and claims the next (moveToFinished.lua).
 * @returns what was claimed, `[]` when nothing was, or a negative ErrorCode, in Redis' order: -1, -4/-9, -2/-6, -3.
 */
export function finish(
  session: Session,
  queue: QueueState,
  job: Finish,
  timestamp: number,
): Claimed | [] | number {
  if (!finishPlain(session, queue, job, timestamp)) {
    const code = finishAny(session, queue, job, timestamp);
    if (code < 0) return code;
  }
  if (job.maxMetrics > 0) collectMetric(session, queue, job.target, job.maxMetrics, timestamp);
  if (job.fetchNext) {
    const next = fetchNext(session, queue, job.claim, timestamp);
    if (next !== undefined) return next;
  }
  if (
    job.tellsDrained &&
    count(queue, State.wait) === 0 &&
    count(queue, State.active) === 0 &&
    count(queue, State.prioritized) === 0
  ) {
    session.emit(queue, 'drained');
  }
  return [];
}

/** The common case in one statement: a job claimed by this process, without parent, children or de-duplication, completes. */
function finishPlain(session: Session, queue: QueueState, job: Finish, timestamp: number): boolean {
  const { keep } = job;
  if (job.target !== 'completed' || keep.age !== undefined) return false;
  const claim = session.takeClaim(queue, job.id);
  if (claim === undefined) return false;
  if (keep.count === 0) {
    if (!session.jobs.deleteKnown(claim.row, job.claim.token, session.monotonic())) return false;
    if (claim.hasPayload) session.jobs.dropPayload(claim.row);
    recount(queue, State.active, null);
  } else {
    if (!session.jobs.finishKnown(claim.row, timestamp, job.value, job.claim.token, session.monotonic())) {
      return false;
    }
    recount(queue, State.active, State.completed);
    if (keep.count !== undefined && keep.count > 0) trimToCount(session, queue, State.completed, keep.count);
  }
  emitFinished(session, queue, job, claim.attemptsMade + 1);
  return true;
}

function finishAny(session: Session, queue: QueueState, finish: Finish, timestamp: number): number {
  session.forgetJobs();
  const job = session.jobs.head(queue.num, finish.id);
  if (job === undefined) return ErrorCode.JobNotExist;
  if (finish.target === 'completed' && (job.flags & Flag.children) !== 0) {
    if (session.flows.anyChild(job.row, ChildKind.pending)) return ErrorCode.JobPendingChildren;
    if (session.flows.anyChild(job.row, ChildKind.unsuccessful)) return ErrorCode.JobHasFailedChildren;
  }
  const locked = endLock(session, job, finish.claim.token);
  if (locked < 0) return locked;
  const columns = fieldColumns(finish.fields);
  session.jobs.update(job.row, columns);
  if (job.state !== State.active) return ErrorCode.JobNotInState;

  ensureMaxEvents(session, queue);
  if (job.dedupId !== null) {
    endDedupOnFinish(session, queue, job.dedupId, job.id);
    requeueKept(session, queue, job.dedupId, timestamp);
  }
  tellParent(session, queue, job, finish, timestamp);

  const attemptsMade = job.attemptsMade + 1;
  if (finish.keep.count === 0) {
    deleteJob(session, queue, job);
    if (job.parentKey !== null) {
      dropFromParent(session, { queue, job }, false, job.parentKey, null, () => undefined);
    }
  } else keepFinished(session, queue, job, finish, timestamp);
  emitFinished(session, queue, finish, attemptsMade);
  return 0;
}

function emitFinished(session: Session, queue: QueueState, job: Finish, attemptsMade: number): void {
  const field = job.target === 'completed' ? 'returnvalue' : 'failedReason';
  session.emit(queue, job.target, 'jobId', job.id, field, job.value, 'prev', 'active');
  if (job.target === 'failed' && attemptsMade >= (job.attempts ?? 0)) {
    session.emit(queue, 'retries-exhausted', 'jobId', job.id, 'attemptsMade', String(attemptsMade));
  }
}

function keepFinished(
  session: Session,
  queue: QueueState,
  job: JobHead,
  finish: Finish,
  timestamp: number,
): void {
  const completed = finish.target === 'completed';
  const state = completed ? State.completed : State.failed;
  session.jobs.finish(
    job.row,
    state,
    timestamp,
    completed ? finish.value : null,
    completed ? null : finish.value,
  );
  recount(queue, job.state, state);
  const { age, limit, count: maxCount } = finish.keep;
  if (age !== undefined && age !== null) {
    const old = session.jobs.headsUpTo(queue.num, state, timestamp - age * 1000, true, limit ?? MAX_TRIM);
    for (const finished of old) removeJob(session, queue, finished, false, false);
  }
  if (maxCount !== undefined && maxCount > 0) trimToCount(session, queue, state, maxCount);
}

/** Keeps the newest `max` jobs of a finished state. */
function trimToCount(
  session: Session,
  queue: QueueState,
  state: typeof State.completed | typeof State.failed,
  max: number,
): void {
  const surplus = count(queue, state) - max;
  if (surplus <= 0) return;
  const oldest = session.jobs.headsUpTo(
    queue.num,
    state,
    Number.MAX_VALUE,
    false,
    Math.min(surplus, MAX_TRIM),
  );
  for (const job of oldest) removeJob(session, queue, job, false, false);
}

/** Adds the job that was kept back while this one ran (requeueDeduplicatedJob.lua). */
function requeueKept(session: Session, queue: QueueState, dedupId: string, timestamp: number): void {
  const next = takeNext(session, queue, dedupId);
  if (next === undefined) return;
  queue.idCounter += 1;
  if (!enqueue(session, queue, next, next.id, timestamp)) return;
  const parent = next.parentKey === null ? undefined : locate(session, next.parentKey);
  if (parent !== undefined) addPending(session, parent, jobKey(queue, next.id));
}

function tellParent(
  session: Session,
  queue: QueueState,
  job: JobHead,
  finish: Finish,
  timestamp: number,
): void {
  if (job.parentKey === null) return;
  const key = jobKey(queue, job.id);
  if (finish.target === 'failed') {
    if (job.parent !== null) failChild(session, job.parent, key, finish.value, timestamp);
    return;
  }
  const parent =
    job.parent === null ? locate(session, job.parentKey) : locateParent(session, parseParent(job.parent));
  if (parent !== undefined) completeChild(session, parent, key, finish.value, timestamp);
}
