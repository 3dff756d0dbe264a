import { type QueueState, recount } from '../queue-state.ts';
import { State, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';

/*
 * Where a job goes when it becomes available. The score decides the order within a state:
 * wait: position (front = smaller), prioritized: priority and insertion, delayed: due time and insertion.
 */

/** Room for 4096 jobs due in the same millisecond (getDelayedScore.lua). */
export const DELAY_SCALE = 0x1000;
/** Room for 2^32 jobs of one priority (getPriorityScore.lua). */
const PRIORITY_SCALE = 0x100000000;

/** Position for a job that goes to the front of `wait`. What was read ahead is void: this job comes first now. */
export function frontScore(queue: QueueState): number {
  queue.readAhead = [];
  queue.waitHead -= 1;
  return queue.waitHead;
}

/** Position for a job that queues behind all others of `wait`. */
export function backScore(queue: QueueState): number {
  queue.waitTail += 1;
  return queue.waitTail;
}

/** Score behind all jobs of the same priority. */
export function priorityScore(queue: QueueState, priority: number): number {
  queue.priorityCounter += 1;
  return priority * PRIORITY_SCALE + (queue.priorityCounter % PRIORITY_SCALE);
}

/** Score in front of all jobs of the same priority. */
export function frontPriorityScore(priority: number): number {
  return priority * PRIORITY_SCALE;
}

export function priorityBounds(priority: number): [min: number, max: number] {
  return [priority * PRIORITY_SCALE, (priority + 1) * PRIORITY_SCALE - 1];
}

/** Score and due time of a job that waits `delay` ms from `timestamp` on, behind those due in the same millisecond. */
export function delayedScore(
  session: Session,
  queue: QueueState,
  timestamp: number,
  delay: number,
): [score: number, due: number] {
  const due = delay > 0 ? timestamp + delay : timestamp;
  const min = due * DELAY_SCALE;
  const max = (due + 1) * DELAY_SCALE - 1;
  const highest = session.jobs.maxDelayedScore(queue.num, min, max);
  if (highest === null) return [min, due];
  return [highest >= max ? max : highest + 1, due];
}

/** What an operation must know of the job it moves. */
export type Movable = Pick<JobHead, 'row' | 'id' | 'state' | 'priority'>;

/** Moves a job to another state and books it. */
export function moveTo(
  session: Session,
  queue: QueueState,
  job: Movable,
  state: StateCode,
  score: number,
): void {
  session.jobs.move(job.row, state, score);
  recount(queue, job.state, state);
}

/** Moves a job to `wait` or, if it has a priority, to `prioritized`. */
export function makeAvailable(
  session: Session,
  queue: QueueState,
  job: Movable,
  place: 'front' | 'back',
): void {
  if (job.priority > 0) {
    moveTo(session, queue, job, State.prioritized, priorityScore(queue, job.priority));
  } else {
    moveTo(session, queue, job, State.wait, place === 'front' ? frontScore(queue) : backScore(queue));
  }
}

/** Moves due jobs to `wait` or `prioritized`, at most 1000 at a time (promoteDelayedJobs.lua). They queue behind those already waiting. */
export function promoteDue(session: Session, queue: QueueState, now: number): void {
  const maxScore = (now + 1) * DELAY_SCALE - 1;
  const next = session.nextDelayed(queue);
  if (next === null || next > maxScore) return;
  for (const [row, id, priority] of session.jobs.due(queue.num, maxScore, 1000)) {
    const job: Movable = {
      row: row as number,
      id: id as string,
      state: State.delayed,
      priority: priority as number,
    };
    const state = job.priority === 0 ? State.wait : State.prioritized;
    const score = job.priority === 0 ? backScore(queue) : priorityScore(queue, job.priority);
    session.jobs.update(job.row, { state, score, delay: 0 });
    recount(queue, State.delayed, state);
    session.emit(queue, 'waiting', 'jobId', job.id, 'prev', 'delayed');
  }
}
