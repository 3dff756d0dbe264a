import { count, newQueueState, type QueueState } from '../queue-state.ts';
import { State, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';
import { isLocked } from './locks.ts';
import { removeJob } from './remove-job.ts';
import { isNextOfScheduler } from './scheduler.ts';

/** Where a walk through a state stands. */
export interface Cursor {
  score: number;
  id: string;
}
export const START: Cursor = { score: -Number.MAX_VALUE, id: '' };

export interface Cleaned {
  ids: string[];
  /** Where to go on; undefined = the end was reached. */
  next: Cursor | undefined;
}

/** States of cleanJobsInSet.lua; any other name is cleaned like a finished state, and has nothing in it. */
const CLEANABLE: Readonly<Record<string, StateCode>> = {
  wait: State.wait,
  active: State.active,
  delayed: State.delayed,
  prioritized: State.prioritized,
  completed: State.completed,
  failed: State.failed,
  'waiting-children': State.waitingChildren,
};

export function cleanableState(name: string): StateCode | undefined {
  return CLEANABLE[name];
}

/**
 * One slice of a clean: looks at up to `slice` jobs from `from` on and removes those older than `timestamp`
 * (cleanList.lua, cleanSet.lua). Jobs in work and the next job of a scheduler stay. As with Redis, a limit of a whole
 * clean bounds the jobs that are looked at, not only those removed.
 */
export function cleanSlice(
  session: Session,
  queue: QueueState,
  state: StateCode,
  timestamp: number,
  from: Cursor,
  slice: number,
): Cleaned {
  const finished = state === State.completed || state === State.failed || state === State.waitingChildren;
  const ids: string[] = [];
  const jobs = session.jobs.headsAfter(queue.num, state, from.score, from.id, slice);
  for (const job of jobs) {
    if (finished ? job.score > timestamp : !isOld(session, queue, job, state, timestamp)) continue;
    removeJob(session, queue, job, true, true);
    ids.push(job.id);
  }
  const last = jobs.at(-1);
  // Beyond the first finished job that is too young there are only younger ones.
  const over = jobs.length < slice || last === undefined || (finished && last.score > timestamp);
  return { ids, next: over ? undefined : { score: last.score, id: last.id } };
}

function isOld(
  session: Session,
  queue: QueueState,
  job: JobHead,
  state: StateCode,
  timestamp: number,
): boolean {
  if (state === State.active && isLocked(session, job)) return false;
  if (isNextOfScheduler(session, queue, job)) return false;
  const since = state === State.prioritized ? job.timestamp : (job.processedOn ?? job.timestamp);
  return since <= timestamp;
}

/** One slice of a drain: removes jobs of a state but those a scheduler needs (drain.lua). */
export function drainSlice(
  session: Session,
  queue: QueueState,
  state: StateCode,
  from: Cursor,
  slice: number,
): Cursor | undefined {
  const jobs = session.jobs.headsAfter(queue.num, state, from.score, from.id, slice);
  for (const job of jobs) {
    if (!isNextOfScheduler(session, queue, job)) removeJob(session, queue, job, true, true);
  }
  const last = jobs.at(-1);
  return jobs.length < slice || last === undefined ? undefined : { score: last.score, id: last.id };
}

export type Obliterated = 'not-paused' | 'active-jobs' | 'more' | 'done';

/** One slice of an obliteration: up to `limit` jobs or schedulers, at last the queue's own records (obliterate.lua). */
export function obliterateSlice(
  session: Session,
  queue: QueueState,
  limit: number,
  force: boolean,
): Obliterated {
  if (!session.isPaused(queue)) return 'not-paused';
  if (count(queue, State.active) > 0 && !force) return 'active-jobs';
  let left = limit;
  for (const state of [State.active, State.delayed]) {
    left -= removeFirst(session, queue, state, left);
    if (left <= 0) return 'more';
  }
  const schedulers = session.queues.schedulers(queue.num, true, left, 0);
  for (const [id] of schedulers) session.queues.dropScheduler(queue.num, String(id));
  left -= schedulers.length;
  if (left <= 0) return 'more';
  for (const state of [State.completed, State.wait, State.prioritized, State.failed]) {
    left -= removeFirst(session, queue, state, left);
    if (left <= 0) return 'more';
  }
  reset(session, queue);
  return 'done';
}

function removeFirst(session: Session, queue: QueueState, state: StateCode, limit: number): number {
  const jobs = session.jobs.headsAfter(queue.num, state, START.score, START.id, limit);
  for (const job of jobs) removeJob(session, queue, job, true, true);
  return jobs.length;
}

/** Forgets counters, events, meta and metrics. Jobs in waiting-children and de-duplication keys stay, as with Redis. */
function reset(session: Session, queue: QueueState): void {
  session.queues.dropEvents(queue.num, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  for (const field of session.meta(queue).keys()) session.queues.dropMeta(queue.num, field);
  session.queues.dropMetrics(queue.num);
  const fresh = newQueueState(queue.name);
  Object.assign(queue, {
    idCounter: fresh.idCounter,
    priorityCounter: fresh.priorityCounter,
    stalledUntil: 0,
    eventCount: 0,
    events: [],
    tail: [],
    tailJson: '[]',
    meta: new Map(),
    metrics: new Map(),
    dirty: true,
  });
}
