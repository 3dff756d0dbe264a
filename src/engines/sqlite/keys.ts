import type { QueueState } from './queue-state.ts';
import type { Session } from './session.ts';
import type { JobHead } from './sql/jobs.ts';

/** Keys look as in Redis (`<prefix>:<queue>:<id>`), so that flows keep their links when they move between engines. */
export function jobKey(queue: QueueState, id: string): string {
  return `${queue.name}:${id}`;
}

export interface Located {
  queue: QueueState;
  job: JobHead;
}

/**
 * Finds the job a key names. Prefixes and ids may hold colons, so each cut is tried, the last first; nearly always
 * that is the right one.
 */
export function locate(session: Session, key: string): Located | undefined {
  for (let cut = key.lastIndexOf(':'); cut > 0; cut = key.lastIndexOf(':', cut - 1)) {
    const queue = session.queue(key.slice(0, cut));
    if (queue.num === 0) continue;
    const job = session.jobs.head(queue.num, key.slice(cut + 1));
    if (job !== undefined) return { queue: session.writable(queue.name), job };
  }
  return undefined;
}

/** The parent as stored with the child. */
export interface ParentRef {
  id: string;
  queueKey: string;
  /** The four answers to a failed child: fail the parent, go on with it, ignore the child, drop the dependency. */
  fpof?: boolean;
  cpof?: boolean;
  idof?: boolean;
  rdof?: boolean;
}

export function parseParent(json: string): ParentRef {
  return JSON.parse(json) as ParentRef;
}

/** Finds a parent by its stored reference. */
export function locateParent(session: Session, parent: ParentRef): Located | undefined {
  const queue = session.queue(parent.queueKey);
  if (queue.num === 0) return undefined;
  const job = session.jobs.head(queue.num, parent.id);
  return job && { queue: session.writable(queue.name), job };
}
