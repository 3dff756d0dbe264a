import type { Session } from '../session.ts';

/**
 * Lets the file know of a scheduler that runs elsewhere, as after its run at `last`, so that who sets it here goes on with its
 * next one. One that is here stays. To be set in the same turn: without its job it looks as if it had come to its end.
 */
export function plantScheduler(
  session: Session,
  name: string,
  id: string,
  every: number,
  last: number,
): void {
  const queue = session.writable(name);
  if (session.queues.scheduler(queue.num, id) !== undefined) return;
  const fields = { name: '', every: String(every), ic: '1' };
  session.queues.setScheduler(queue.num, id, last, JSON.stringify(fields));
  queue.dirty = true;
}
