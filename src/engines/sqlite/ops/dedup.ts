import type { DeduplicationOptions } from 'bullmq';
import type { NewJob } from '../job-row.ts';
import type { QueueState } from '../queue-state.ts';
import { State } from '../schema.ts';
import type { Session } from '../session.ts';
import { machineNow } from '../time.ts';
import { delayedScore, moveTo } from './place.ts';
import { deleteJob } from './remove-job.ts';

interface DedupKey {
  jobId: string;
  /** Without an end it is over when its job finishes. */
  endless: boolean;
}

const SWEPT_AT_A_TIME = 4;

/** The live de-duplication key of an id. */
export function readDedup(session: Session, queue: QueueState, id: string): DedupKey | undefined {
  const row = session.queues.dedup(queue.num, id);
  if (row === undefined) return undefined;
  const [jobId, expiresAt] = row;
  if (expiresAt !== null && Number(expiresAt) <= machineNow()) return undefined;
  return { jobId: String(jobId), endless: expiresAt === null };
}

function writeDedup(session: Session, queue: QueueState, opts: DeduplicationOptions, jobId: string): void {
  const ttl = !opts.keepLastIfActive && opts.ttl && opts.ttl > 0 ? opts.ttl : null;
  const now = machineNow();
  session.queues.setDedup(queue.num, opts.id, jobId, ttl === null ? null : now + ttl);
  if (ttl !== null) sweepSome(session, queue, opts.id, now);
}

/**
 * Redis drops what has expired by itself; here each new key with an end makes this process look at some old ones, round after
 * round. So those that are over are never more than a third of those that are not, and a round.
 */
function sweepSome(session: Session, queue: QueueState, id: string, now: number): void {
  const from = session.sweptDedups.get(queue.num) ?? id;
  const rows = session.queues.someDedups(queue.num, from, SWEPT_AT_A_TIME);
  for (const [each, expiresAt] of rows)
    if (expiresAt !== null && Number(expiresAt) <= now) session.queues.dropDedup(queue.num, String(each));
  const last = rows.length < SWEPT_AT_A_TIME ? '' : String(rows.at(-1)?.[0]);
  session.sweptDedups.set(queue.num, last);
}

/**
 * Decides whether a new job is a duplicate (deduplicateJob.lua).
 * @returns the id of the job that stands for it, or undefined when it is to be added.
 */
export function deduplicate(
  session: Session,
  queue: QueueState,
  job: NewJob,
  id: string,
): string | undefined {
  const opts = job.dedup;
  if (opts === null) return undefined;
  if (opts.replace && !job.toWaitingChildren) return replaceDelayed(session, queue, job, opts, id);
  const current = keepFirst(session, queue, job, opts, id);
  if (current !== undefined && opts.reschedule && !job.toWaitingChildren)
    reschedule(session, queue, job, current);
  return current;
}

/** Mode `replace`: a delayed job gives way to the new one; any other stays. */
function replaceDelayed(
  session: Session,
  queue: QueueState,
  job: NewJob,
  opts: DeduplicationOptions,
  id: string,
): string | undefined {
  const key = readDedup(session, queue, opts.id);
  if (key === undefined) {
    writeDedup(session, queue, opts, id);
    return undefined;
  }
  const current = session.jobs.head(queue.num, key.jobId);
  if (current?.state === State.delayed) {
    deleteJob(session, queue, current);
    session.emit(queue, 'removed', 'jobId', key.jobId, 'prev', 'delayed');
    emitDeduplicated(session, queue, id, opts.id, key.jobId);
    session.queues.dropDedupNext(queue.num, opts.id);
    if (!opts.keepLastIfActive && !opts.extend && opts.ttl && opts.ttl > 0) {
      // SET … KEEPTTL: the window goes on as it was opened.
      const expiresAt = session.queues.dedup(queue.num, opts.id)?.[1] ?? null;
      session.queues.setDedup(queue.num, opts.id, id, expiresAt === null ? null : Number(expiresAt));
    } else writeDedup(session, queue, opts, id);
    return undefined;
  }
  if (recoverStale(session, queue, key, opts, id)) return undefined;
  storeNext(session, queue, job, opts, key.jobId, id);
  return key.jobId;
}

/** The modes that keep the first job: simple, ttl, extend, keepLastIfActive (deduplicateJobWithoutReplace.lua). */
function keepFirst(
  session: Session,
  queue: QueueState,
  job: NewJob,
  opts: DeduplicationOptions,
  id: string,
): string | undefined {
  const key = readDedup(session, queue, opts.id);
  if (key === undefined) {
    writeDedup(session, queue, opts, id);
    return undefined;
  }
  if (recoverStale(session, queue, key, opts, id)) return undefined;
  if (storeNext(session, queue, job, opts, key.jobId, id)) return key.jobId;
  if (opts.ttl && opts.ttl > 0 && opts.extend) writeDedup(session, queue, opts, key.jobId);
  emitDeduplicated(session, queue, key.jobId, opts.id, id);
  return key.jobId;
}

/** A key without an end whose job is gone (after an outage) would block its id for ever: the new job takes it over. */
function recoverStale(
  session: Session,
  queue: QueueState,
  key: DedupKey,
  opts: DeduplicationOptions,
  id: string,
): boolean {
  if (!key.endless || session.jobs.head(queue.num, key.jobId) !== undefined) return false;
  session.queues.dropDedupNext(queue.num, opts.id);
  writeDedup(session, queue, opts, id);
  return true;
}

/** keepLastIfActive: while the first job runs, the newest duplicate is kept to run after it (storeDeduplicatedNextJob.lua). */
function storeNext(
  session: Session,
  queue: QueueState,
  job: NewJob,
  opts: DeduplicationOptions,
  currentId: string,
  id: string,
): boolean {
  if (!opts.keepLastIfActive) return false;
  if (session.jobs.head(queue.num, currentId)?.state !== State.active) return false;
  session.queues.setDedupNext(queue.num, opts.id, JSON.stringify({ ...job, id } satisfies NewJob));
  // PERSIST: the key must not end while the job runs.
  session.queues.setDedup(queue.num, opts.id, currentId, null);
  emitDeduplicated(session, queue, currentId, opts.id, id);
  return true;
}

/** Mode `reschedule`: the duplicate's delay counts anew for the job that stands. */
function reschedule(session: Session, queue: QueueState, job: NewJob, currentId: string): void {
  const current = session.jobs.head(queue.num, currentId);
  if (current?.state !== State.delayed) return;
  const [score, due] = delayedScore(session, queue, job.timestamp, job.delay);
  session.jobs.update(current.row, { delay: job.delay });
  moveTo(session, queue, current, State.delayed, score);
  session.emit(queue, 'delayed', 'jobId', currentId, 'delay', String(due));
}

function emitDeduplicated(
  session: Session,
  queue: QueueState,
  jobId: string,
  deduplicationId: string,
  deduplicatedJobId: string,
): void {
  session.emit(
    queue,
    'deduplicated',
    'jobId',
    jobId,
    'deduplicationId',
    deduplicationId,
    'deduplicatedJobId',
    deduplicatedJobId,
  );
}

/** When a job finishes, its key ends with it, unless it has a time of its own. */
export function endDedupOnFinish(session: Session, queue: QueueState, dedupId: string, jobId: string): void {
  const key = readDedup(session, queue, dedupId);
  if (key?.endless && key.jobId === jobId) session.queues.dropDedup(queue.num, dedupId);
}

/** When a job is removed, its key goes with it. */
export function endDedupOnRemoval(session: Session, queue: QueueState, dedupId: string, jobId: string): void {
  if (session.queues.dropDedupOf(queue.num, dedupId, jobId) === 1) {
    session.queues.dropDedupNext(queue.num, dedupId);
  }
}

/** Takes the job that was kept to run after the one that finishes now, and gives it the key. */
export function takeNext(session: Session, queue: QueueState, dedupId: string): NewJob | undefined {
  const json = session.queues.dedupNext(queue.num, dedupId);
  if (json === undefined) return undefined;
  const next = JSON.parse(json) as NewJob;
  session.queues.dropDedupNext(queue.num, dedupId);
  if (next.dedup !== null) writeDedup(session, queue, next.dedup, next.id);
  return next;
}
