import { State } from '../schema.ts';
import type { Session } from '../session.ts';

/**
 * A de-duplication key with an end of its own: a window (`ttl`) that stays open when its job has finished.
 *
 * @internal
 */
export interface EndingKey {
  /** Qualified name, `<prefix>:<queue>`. */
  queue: string;
  id: string;
  /** The job that opened the window. */
  job: string;
  /** When it ends, ms since 1970. */
  until: number;
}

/**
 * Where a walk through the keys of all queues stands.
 *
 * @internal
 */
export interface KeyPlace {
  queue: number;
  id: string;
}

/** @internal */
export interface KeyPage {
  keys: EndingKey[];
  /** Where the walk goes on; undefined = at the end. */
  next: KeyPlace | undefined;
}

/**
 * The next up to `limit` keys with an end whose jobs will not take them along to another home: these are in work, have finished
 * or are gone. A job that waits keeps its key.
 */
export function lonelyKeys(session: Session, from: KeyPlace | undefined, limit: number): KeyPage {
  const rows = session.queues.endingDedups(from?.queue ?? 0, from?.id ?? '', limit);
  const keys: EndingKey[] = [];
  for (const [num, queue, id, job, until] of rows) {
    const state = session.jobs.head(Number(num), String(job))?.state;
    if (state !== undefined && !STAYING.has(state)) continue;
    keys.push({ queue: String(queue), id: String(id), job: String(job), until: Number(until) });
  }
  const last = rows.length < limit ? undefined : rows.at(-1);
  return { keys, next: last && { queue: Number(last[0]), id: String(last[2]) } };
}

const STAYING: ReadonlySet<number> = new Set([State.active, State.completed, State.failed]);

/** They hold elsewhere now. */
export function dropKeys(session: Session, keys: readonly EndingKey[]): void {
  for (const { queue, id, job, until } of keys) {
    session.queues.dropEndingDedup(session.queue(queue).num, id, job, until);
  }
}
