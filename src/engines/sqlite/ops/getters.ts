import { count, type QueueState } from '../queue-state.ts';
import { State, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import { DELAY_SCALE, priorityBounds } from './place.ts';

/** States by the names the contract uses ('waiting' is 'wait'; version 6 keeps no jobs under 'paused'). */
const BY_NAME: Readonly<Record<string, StateCode>> = {
  wait: State.wait,
  waiting: State.wait,
  active: State.active,
  delayed: State.delayed,
  prioritized: State.prioritized,
  'waiting-children': State.waitingChildren,
  completed: State.completed,
  failed: State.failed,
};

export function stateByName(name: string): StateCode | undefined {
  return BY_NAME[name];
}

/** Names as `getState` gives them. */
const STATE_NAMES = {
  [State.wait]: 'waiting',
  [State.active]: 'active',
  [State.delayed]: 'delayed',
  [State.prioritized]: 'prioritized',
  [State.waitingChildren]: 'waiting-children',
  [State.completed]: 'completed',
  [State.failed]: 'failed',
} as const;

export function stateName(code: StateCode): (typeof STATE_NAMES)[StateCode] {
  return STATE_NAMES[code];
}

/** Counts by state, from the queue's row: the same cost for ten jobs and for ten million. */
export function countState(
  session: Session,
  queue: QueueState,
  name: string,
  dueBefore: number | undefined,
): number {
  if (name === 'repeat') return session.queues.schedulerCount(queue.num);
  const state = stateByName(name);
  if (state === undefined) return 0;
  if (state === State.delayed && dueBefore !== undefined) {
    return session.jobs.countBetween(
      queue.num,
      state,
      -Number.MAX_VALUE,
      Math.trunc(dueBefore) * DELAY_SCALE - 1,
    );
  }
  return count(queue, state);
}

export function countPriority(session: Session, queue: QueueState, priority: number): number {
  if (priority === 0) return count(queue, State.wait);
  return session.jobs.countBetween(queue.num, State.prioritized, ...priorityBounds(priority));
}

/** A window of Redis' ranges as `offset, length`; both ends count, negative ones from the end. */
export function redisWindow(start: number, end: number, length: number): { offset: number; size: number } {
  const first = Math.max(0, start < 0 ? length + start : start);
  const last = Math.min(length - 1, end < 0 ? length + end : end);
  return first > last || first >= length ? { offset: 0, size: 0 } : { offset: first, size: last - first + 1 };
}

/**
 * Ids of a state by rank (getRanges.lua). Lists (wait, active) come newest first, whatever `asc`: BullMQ turns an
 * ascending answer round itself, and asks for it with its ends counted from the list's end.
 */
export function rangeOfState(
  session: Session,
  queue: QueueState,
  name: string,
  start: number,
  end: number,
  asc: boolean,
): string[] {
  if (name === 'repeat') {
    const { offset, size } = redisWindow(start, end, session.queues.schedulerCount(queue.num));
    return session.queues.schedulers(queue.num, asc, size, offset).map(row => String(row[0]));
  }
  const state = stateByName(name);
  if (state === undefined) return [];
  const length = count(queue, state);
  const isList = state === State.wait || state === State.active;
  if (!isList) {
    const { offset, size } = redisWindow(start, end, length);
    return session.jobs.ids(queue.num, state, !asc, size, offset);
  }
  const from = asc ? (end === -1 ? 0 : -(end + 1)) : start;
  const to = asc ? (start === -1 ? 0 : -(start + 1)) : end;
  const { offset, size } = redisWindow(from, to, length);
  return session.jobs.ids(queue.num, state, true, size, offset);
}

/** Whether a job has finished, and how (isFinished.lua). */
export function isFinished(
  session: Session,
  queue: QueueState,
  id: string,
  withValue: boolean,
): number | [number, string] {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) {
    return withValue ? [-1, `Missing key for job ${queue.name}:${id}. isFinished`] : -1;
  }
  if (job.state === State.completed) {
    return withValue ? [1, session.jobs.returnValue(job.row) as string] : 1;
  }
  if (job.state === State.failed) {
    return withValue ? [2, session.jobs.failedReason(job.row) as string] : 2;
  }
  return withValue ? ([0] as unknown as [number, string]) : 0;
}
