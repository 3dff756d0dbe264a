import type { QueueState } from '../queue-state.ts';
import type { Session } from '../session.ts';

const DEFAULT_MAX_EVENTS = 10_000;

/** Sets the queue's limit of kept events if nobody has (getOrSetMaxEvents.lua); it shows in the queue's meta. */
export function ensureMaxEvents(session: Session, queue: QueueState): void {
  const meta = session.meta(queue);
  if (meta.has('opts.maxLenEvents')) return;
  setMeta(session, queue, 'opts.maxLenEvents', String(DEFAULT_MAX_EVENTS));
}

export function setMeta(session: Session, queue: QueueState, field: string, value: string): boolean {
  const meta = session.meta(queue);
  const isNew = !meta.has(field);
  if (isNew || meta.get(field) !== value) {
    session.queues.setMeta(queue.num, field, value);
    meta.set(field, value);
    queue.dirty = true;
  }
  return isNew;
}

export function dropMeta(session: Session, queue: QueueState, field: string): boolean {
  session.meta(queue).delete(field);
  queue.dirty = true;
  return session.queues.dropMeta(queue.num, field) === 1;
}
