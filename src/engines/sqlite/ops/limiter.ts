import type { QueueState } from '../queue-state.ts';
import type { Session } from '../session.ts';

/*
 * The rate limit's window, in Redis one counter key with a time to live: how many jobs were started in it, and when it
 * ends. A window that has ended counts nothing.
 */

interface Window {
  count: number;
  /** What PTTL says: ms to the end, -1 without an end, -2 when there is no window. */
  ttl: number;
}

function readWindow(session: Session, queue: QueueState): Window {
  if (queue.limiterCount === 0) return { count: 0, ttl: -2 };
  if (queue.limiterUntil === 0) return { count: queue.limiterCount, ttl: -1 };
  const left = queue.limiterUntil - session.monotonic();
  return left <= 0 ? { count: 0, ttl: -2 } : { count: queue.limiterCount, ttl: Math.ceil(left) };
}

/** What PTTL says of the window. */
export function windowTtl(session: Session, queue: QueueState): number {
  return readWindow(session, queue).ttl;
}

/** Milliseconds until another job may start; 0 = now (getRateLimitTTL.lua). */
export function limitTtl(session: Session, queue: QueueState, maxJobs: number | undefined): number {
  if (maxJobs === undefined || Number.isNaN(maxJobs)) return 0;
  const window = readWindow(session, queue);
  return maxJobs <= window.count && window.ttl > 0 ? window.ttl : 0;
}

/** Counts a started job; the first opens the window. */
export function countStart(session: Session, queue: QueueState, duration: number): void {
  const window = readWindow(session, queue);
  queue.limiterCount = window.count + 1;
  if (window.count === 0) queue.limiterUntil = session.monotonic() + Math.floor(Math.abs(duration));
  queue.dirty = true;
}

/** Closes the queue for `ms` milliseconds to all workers that have a limit. */
export function closeFor(session: Session, queue: QueueState, ms: number): void {
  queue.limiterCount = Number.MAX_SAFE_INTEGER;
  queue.limiterUntil = session.monotonic() + ms;
  queue.dirty = true;
}

/** Opens it again; returns whether there was a window. */
export function reopen(session: Session, queue: QueueState): boolean {
  const had = readWindow(session, queue).count > 0;
  queue.limiterCount = 0;
  queue.limiterUntil = 0;
  queue.dirty = true;
  return had;
}
