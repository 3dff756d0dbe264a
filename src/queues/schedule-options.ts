import type { RepeatOptions } from 'bullmq';
import { refuse, show } from './job-options.ts';
import type { PayloadPlace } from './payload.ts';

const everyRange = `a number of milliseconds from 1 to ${Number.MAX_SAFE_INTEGER}`;

/**
 * Refuses a scheduler that BullMQ would take and then run without a pause (`every: -1`) or never (`every: '5s'`):
 * SPILLWAY_INVALID_JOB. What a pattern says is for the repeat strategy to judge, which may be the user's own.
 */
export function checkSchedule(place: PayloadPlace, repeat: Omit<RepeatOptions, 'key'>): void {
  const { every, pattern, limit } = (repeat ?? {}) as Record<string, unknown>;
  if ((every === undefined) === (pattern === undefined)) {
    const received = every === undefined ? 'neither' : 'both';
    throw refuse(place, 'pattern or every', 'given, and not both', received);
  }
  const isPause = typeof every === 'number' && every >= 1 && every <= Number.MAX_SAFE_INTEGER;
  if (every !== undefined && !isPause) throw refuse(place, 'every', everyRange, show(every));
  if (pattern !== undefined && (typeof pattern !== 'string' || pattern === ''))
    throw refuse(place, 'pattern', 'a cron expression', show(pattern));
  if (limit !== undefined && !(Number.isSafeInteger(limit) && (limit as number) >= 1))
    throw refuse(place, 'limit', 'a whole number from 1 up', show(limit));
}
