import type { JobJson } from 'bullmq';
import { attemptsMade, isPlain, readJob, rowId, rowNumber } from '../job-row.ts';
import { count, type QueueState, recount } from '../queue-state.ts';
import { Flag, State } from '../schema.ts';
import type { Session } from '../session.ts';
import type { Row } from '../sql/prepare.ts';
import { countStart, limitTtl } from './limiter.ts';
import { DELAY_SCALE, promoteDue } from './place.ts';

export interface ClaimOptions {
  /** Lock token; '0' takes no lock. */
  token: string;
  /** Worker's name, kept as `processedBy`. */
  name: string | undefined;
  /** Milliseconds. */
  lockDuration: number;
  limiter: { max: number; duration: number } | undefined;
}

/** `[job, id, ms until the rate limit ends, time the next delayed job is due]`; nothing claimed: `[null, 0, …]`. */
export type Claimed = [job: JobJson | null, id: string | 0, limitTtl: number, delayUntil: number];

/** How many jobs at most are read ahead of a batch's claims. */
const READ_AHEAD = 256;

/** Claims the next job (moveToActive.lua). */
export function moveToActive(session: Session, queue: QueueState, options: ClaimOptions): Claimed {
  return fetchNext(session, queue, options, session.now()) ?? [null, 0, 0, 0];
}

/** Claims the next job if there is one; undefined when nothing waits and nothing is delayed (fetchNextJob.lua). */
export function fetchNext(
  session: Session,
  queue: QueueState,
  options: ClaimOptions,
  now: number,
): Claimed | undefined {
  const meta = session.meta(queue);
  const closed = session.isPausedOrMaxed(queue);
  promoteDue(session, queue, now);
  const ownMax = meta.get('max');
  const maxJobs = ownMax === undefined ? options.limiter?.max : Number(ownMax);
  const wait = limitTtl(session, queue, maxJobs);
  if (wait > 0) return [null, 0, wait, 0];
  if (closed) return [null, 0, 0, 0];
  const row = takeNext(session, queue);
  if (row !== undefined) {
    const duration = options.limiter?.duration ?? Number(meta.get('duration'));
    return claim(session, queue, row, options, now, maxJobs === undefined ? undefined : duration);
  }
  const next = session.nextDelayed(queue);
  return next === null ? undefined : [null, 0, 0, Math.floor(next / DELAY_SCALE)];
}

/** The job to be claimed: the front of `wait`, else the first by priority. */
function takeNext(session: Session, queue: QueueState): Row | undefined {
  const waiting = count(queue, State.wait);
  if (waiting > 0) {
    if (queue.readAhead.length === 0) {
      const ahead = Math.min(Math.max(session.claimsAhead, 1), READ_AHEAD, waiting);
      queue.readAhead = session.jobs.firstFull(queue.num, State.wait, ahead).reverse();
    }
    const row = queue.readAhead.pop();
    if (row !== undefined) {
      recount(queue, State.wait, State.active);
      return row;
    }
  }
  if (count(queue, State.prioritized) > 0) {
    const [row] = session.jobs.firstFull(queue.num, State.prioritized, 1);
    if (row !== undefined) {
      recount(queue, State.prioritized, State.active);
      return row;
    }
  }
  // No prioritized job left: their insertion counter starts over.
  queue.priorityCounter = 0;
  return undefined;
}

/** Locks and starts a job (prepareJobForProcessing.lua). */
function claim(
  session: Session,
  queue: QueueState,
  row: Row,
  options: ClaimOptions,
  now: number,
  limitDuration: number | undefined,
): Claimed {
  const job = readJob(session, row);
  const id = rowId(row);
  // A job that is only taken up to be failed doesn't count against the limit.
  if (limitDuration !== undefined && job.deferredFailure === undefined)
    countStart(session, queue, limitDuration);
  const locked = options.token !== '0';
  queue.activeSeq += 1;
  session.jobs.claim(
    rowNumber(row),
    queue.activeSeq,
    locked ? options.token : null,
    locked ? session.monotonic() + options.lockDuration : null,
    queue.stalledEpoch,
    now,
    options.name ?? null,
  );
  session.emit(queue, 'active', 'jobId', id, 'prev', 'waiting');
  if (locked && isPlain(row)) {
    session.rememberClaim(queue, id, {
      row: rowNumber(row),
      attemptsMade: attemptsMade(row),
      hasPayload: ((row[2] as number) & Flag.payload) !== 0,
    });
  }
  job.processedOn = now;
  job.attemptsStarted += 1;
  if (options.name !== undefined) job.processedBy = options.name;
  return [job, id, 0, 0];
}
