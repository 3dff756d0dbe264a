import { jobKey, type Located, locate, locateParent, parseParent } from '../keys.ts';
import { recount } from '../queue-state.ts';
import { ChildKind, Flag, State } from '../schema.ts';
import type { Session } from '../session.ts';
import { DELAY_SCALE, frontScore, makeAvailable } from './place.ts';

/** Books a child its parent has to wait for (SADD `:dependencies`). */
export function addPending(session: Session, parent: Located, childKey: string): void {
  markParent(session, parent);
  session.flows.putChild(parent.job.row, ChildKind.pending, childKey, null, null);
}

/** Books a child's result (HSET `:processed`). */
export function addProcessed(
  session: Session,
  parent: Located,
  childKey: string,
  value: string | null,
): void {
  markParent(session, parent);
  session.flows.putChild(parent.job.row, ChildKind.processed, childKey, value ?? 'null', null);
}

export function markParent(session: Session, { job }: Located): void {
  if ((job.flags & Flag.children) !== 0) return;
  job.flags |= Flag.children;
  session.jobs.update(job.row, { flags: job.flags });
}

/** Moves a parent out of `waiting-children` when no child is pending any more (moveParentToWaitIfNoPendingDependencies.lua). */
export function releaseIfNoPending(session: Session, parent: Located, timestamp: number): void {
  if (!session.flows.anyChild(parent.job.row, ChildKind.pending))
    releaseIfWaiting(session, parent, timestamp);
}

export function releaseIfWaiting(session: Session, parent: Located, timestamp: number): void {
  if (parent.job.state === State.waitingChildren) release(session, parent, timestamp);
}

/** Moves a parent to wait, prioritized or, if it has a delay, delayed (moveParentToWait.lua). */
function release(session: Session, { queue, job }: Located, timestamp: number): void {
  if (job.delay > 0) {
    const due = timestamp + job.delay;
    session.jobs.move(job.row, State.delayed, due * DELAY_SCALE);
    recount(queue, job.state, State.delayed);
    session.emit(queue, 'delayed', 'jobId', job.id, 'delay', String(due));
    job.state = State.delayed;
    return;
  }
  makeAvailable(session, queue, job, 'front');
  job.state = job.priority > 0 ? State.prioritized : State.wait;
  session.emit(queue, 'waiting', 'jobId', job.id, 'prev', 'waiting-children');
}

/** A child has completed: books its result with the parent and lets the parent go if it was the last. */
export function completeChild(
  session: Session,
  parent: Located,
  childKey: string,
  value: string,
  timestamp: number,
): void {
  if (!session.flows.dropChild(parent.job.row, ChildKind.pending, childKey)) return;
  addProcessed(session, parent, childKey, value);
  releaseIfNoPending(session, parent, timestamp);
}

/** A child has failed for good: does what its policy says (moveChildFromDependenciesIfNeeded.lua). */
export function failChild(
  session: Session,
  parentJson: string,
  childKey: string,
  reason: string,
  timestamp: number,
): void {
  const ref = parseParent(parentJson);
  if (!ref.fpof && !ref.cpof && !ref.idof && !ref.rdof) return;
  const parent = locateParent(session, ref);
  if (parent === undefined || !session.flows.dropChild(parent.job.row, ChildKind.pending, childKey)) return;
  const row = parent.job.row;
  if (ref.fpof) {
    session.flows.putChild(row, ChildKind.unsuccessful, childKey, null, timestamp);
    failParent(session, parent, childKey, timestamp);
  } else if (ref.cpof) {
    session.flows.putChild(row, ChildKind.ignored, childKey, reason, null);
    releaseIfWaiting(session, parent, timestamp);
  } else {
    releaseIfNoPending(session, parent, timestamp);
    if (ref.idof) session.flows.putChild(row, ChildKind.ignored, childKey, reason, null);
  }
}

/** Has the parent fail when a worker next takes it up; one that waits or is delayed is taken up at once. */
function failParent(session: Session, parent: Located, childKey: string, timestamp: number): void {
  const { job, queue } = parent;
  if (job.state === State.failed) return;
  session.jobs.update(job.row, { deferred_failure: `child ${childKey} failed` });
  if (job.state !== State.waitingChildren && job.state !== State.delayed) return;
  if (job.state === State.delayed) {
    session.jobs.update(job.row, { delay: 0 });
    job.delay = 0;
    recount(queue, State.delayed, State.waitingChildren);
    job.state = State.waitingChildren;
  }
  release(session, parent, timestamp);
}

/**
 * Takes a job out of its parent's pending children, because the job is removed or cut loose; the last one lets the
 * parent go, or with `hard` removes a parent of the same queue too (removeParentDependencyKey.lua).
 * @param parentKey the parent to take it from; null = the job's own.
 * @param baseQueue name of the queue whose jobs are being removed.
 * @returns whether the job was a pending child.
 */
export function dropFromParent(
  session: Session,
  child: Located,
  hard: boolean,
  parentKey: string | null,
  baseQueue: string | null,
  removeParent: (parent: Located) => void,
): boolean {
  const key = parentKey ?? child.job.parentKey;
  if (!key) return false;
  const parent = locate(session, key);
  if (parent === undefined) return false;
  if (!session.flows.dropChild(parent.job.row, ChildKind.pending, jobKey(child.queue, child.job.id)))
    return false;
  if (session.flows.anyChild(parent.job.row, ChildKind.pending)) return true;
  if (parent.job.state !== State.waitingChildren) return true;
  if (hard && parent.queue.name === baseQueue) {
    dropFromParent(session, parent, hard, null, baseQueue, removeParent);
    removeParent(parent);
    if (parentKey === null && child.job.dedupId !== null) {
      session.queues.dropDedup(parent.queue.num, child.job.dedupId);
    }
    return true;
  }
  // Here Redis puts the parent in front of `wait` whatever its priority or delay.
  session.jobs.move(parent.job.row, State.wait, frontScore(parent.queue));
  recount(parent.queue, State.waitingChildren, State.wait);
  if (!hard) {
    session.emit(parent.queue, 'waiting', 'jobId', parent.job.id, 'prev', 'waiting-children');
  }
  return true;
}

/** A finished child goes back to work: its parent, if it still knows it, has to wait for it again. */
export function returnToParent(session: Session, child: Located, from: 'completed' | 'failed'): void {
  if (child.job.parentKey === null) return;
  const parent = locate(session, child.job.parentKey);
  if (parent === undefined) return;
  const key = jobKey(child.queue, child.job.id);
  const row = parent.job.row;
  const known =
    from === 'completed'
      ? session.flows.dropChild(row, ChildKind.processed, key)
      : session.flows.dropChild(row, ChildKind.unsuccessful, key) ||
        session.flows.dropChild(row, ChildKind.ignored, key);
  if (known) addPending(session, parent, key);
}
