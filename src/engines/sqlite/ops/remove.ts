import { ErrorCode } from '../codes.ts';
import { jobKey, type Located, locate } from '../keys.ts';
import type { QueueState } from '../queue-state.ts';
import { ChildKind, type ChildKindCode, Flag, State, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';
import { endDedupOnRemoval } from './dedup.ts';
import { ensureMaxEvents } from './events.ts';
import { isLocked } from './locks.ts';
import { dropFromParent } from './parents.ts';
import { deleteJob } from './remove-job.ts';
import { isNextOfScheduler } from './scheduler.ts';

interface Scope {
  removeChildren: boolean;
  /** Leave failed jobs, and children that have finished. */
  ignoreProcessed: boolean;
  ignoreLocked: boolean;
}

/** The names of states as `removed` events have them (removeJobFromAnyState.lua). */
const PREVIOUS: Record<StateCode, string> = {
  [State.wait]: 'wait',
  [State.active]: 'active',
  [State.delayed]: 'delayed',
  [State.prioritized]: 'prioritized',
  [State.waitingChildren]: 'waiting-children',
  [State.completed]: 'completed',
  [State.failed]: 'failed',
};

/**
 * Removes a job and, if asked, its children (removeJob.lua).
 * @returns 1 removed (or not there), 0 when it or a pending descendant is locked, -8 when a scheduler holds it.
 */
export function removeFromQueue(
  session: Session,
  queue: QueueState,
  id: string,
  removeChildren: boolean,
): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return 1;
  if (isNextOfScheduler(session, queue, job)) return ErrorCode.JobBelongsToJobScheduler;
  if (isTreeLocked(session, job, removeChildren)) return 0;
  removeTree(session, { queue, job }, null, { removeChildren, ignoreProcessed: false, ignoreLocked: false });
  return 1;
}

/** Removes a job's children that have not finished and that nobody works on (removeUnprocessedChildren.lua). */
export function removeUnprocessed(session: Session, queue: QueueState, id: string): void {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return;
  removeChildrenOf(
    session,
    { queue, job },
    { removeChildren: true, ignoreProcessed: true, ignoreLocked: true },
  );
}

function isTreeLocked(session: Session, job: JobHead, withChildren: boolean): boolean {
  if (isLocked(session, job)) return true;
  if (!withChildren || (job.flags & Flag.children) === 0) return false;
  return childrenOf(session, job, ChildKind.pending).some(child => isTreeLocked(session, child.job, true));
}

function childrenOf(session: Session, job: JobHead, kind: ChildKindCode): Located[] {
  const found: Located[] = [];
  for (const [key] of session.flows.children(job.row, kind)) {
    const child = locate(session, String(key));
    if (child !== undefined) found.push(child);
  }
  return found;
}

function removeTree(session: Session, target: Located, parentKey: string | null, scope: Scope): void {
  const { queue, job } = target;
  if (scope.ignoreLocked && isLocked(session, job)) return;
  if (scope.ignoreProcessed && job.state === State.failed) return;
  dropFromParent(session, target, false, parentKey, null, () => undefined);
  if (scope.removeChildren) removeChildrenOf(session, target, scope);
  if (job.dedupId !== null) endDedupOnRemoval(session, queue, job.dedupId, job.id);
  const previous = deleteJob(session, queue, job);
  if (previous === undefined) return;
  ensureMaxEvents(session, queue);
  session.emit(queue, 'removed', 'jobId', job.id, 'prev', PREVIOUS[previous]);
}

function removeChildrenOf(session: Session, parent: Located, scope: Scope): void {
  if ((parent.job.flags & Flag.children) === 0) return;
  const key = jobKey(parent.queue, parent.job.id);
  const kinds = scope.ignoreProcessed
    ? [ChildKind.pending]
    : [ChildKind.processed, ChildKind.ignored, ChildKind.unsuccessful, ChildKind.pending];
  for (const kind of kinds) {
    for (const child of childrenOf(session, parent.job, kind)) removeTree(session, child, key, scope);
  }
}

/**
 * Cuts a child loose from its parent (removeChildDependency.lua).
 * @returns 0 cut, 1 was not pending, or a negative ErrorCode.
 */
export function cutFromParent(session: Session, queue: QueueState, id: string, parentKey: string): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  if (!parentKey || locate(session, parentKey) === undefined) return ErrorCode.ParentJobNotExist;
  if (!dropFromParent(session, { queue, job }, false, parentKey, null, () => undefined)) return 1;
  session.jobs.update(job.row, { parent_key: null, parent: null });
  return 0;
}
