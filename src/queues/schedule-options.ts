import { getNextMillis, type RepeatOptions } from 'bullmq';
import { refuse, show } from './job-options.ts';
import { misspeltOption } from './known-options.ts';
import type { PayloadPlace } from './payload.ts';

const everyRange = `a number of milliseconds from 1 to ${Number.MAX_SAFE_INTEGER}`;

/**
 * Refuses a scheduler that BullMQ would take and then run without a pause (`every: -1`) or never (`every: '5s'`):
 * SPILLWAY_INVALID_JOB. What a pattern means, a repeat strategy of the user's own judges, where there is one.
 */
export function checkSchedule(
  place: PayloadPlace,
  id: unknown,
  repeat: Omit<RepeatOptions, 'key'>,
  hasOwnStrategy: boolean,
): void {
  if (typeof id !== 'string' || id === '')
    throw refuse(place, 'the id of its scheduler', 'a text that is not empty', show(id));
  const misspelt = misspeltOption('repeat', repeat ?? {});
  if (misspelt !== undefined) {
    const range = `absent: there is no such option; did you mean ${misspelt.meant}?`;
    throw refuse(place, misspelt.option, range, show(Reflect.get(repeat, misspelt.option)));
  }
  const { every, pattern, limit, immediately, startDate, endDate, tz } = (repeat ?? {}) as Record<
    string,
    unknown
  >;
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
  for (const [option, date] of Object.entries({ startDate, endDate })) {
    if (date !== undefined && date !== null && !isDate(date))
      throw refuse(place, option, 'a date, milliseconds since 1970 or the text of a date', show(date));
  }
  if (endDate && +new Date(endDate as number) < Date.now())
    throw refuse(place, 'endDate', 'a date in the future', show(endDate));
  if (immediately && startDate) throw refuse(place, 'immediately', 'absent where startDate is set', 'both');
  if (pattern === undefined || hasOwnStrategy) return;
  const fault = faultOf(repeat);
  // It says nothing of the zone when that is at fault; and it takes more than Intl does, such as 'UTC+3'.
  if (fault !== undefined && tz !== undefined && !isTimeZone(tz))
    throw refuse(place, 'tz', "the name of a time zone, as in 'Europe/Paris'", show(tz));
  if (fault !== undefined)
    throw refuse(place, 'pattern', "a cron expression, as in '0 3 * * *'", `${show(pattern)}: ${fault}`);
}

function isDate(value: unknown): boolean {
  const fits = value instanceof Date || typeof value === 'number' || typeof value === 'string';
  return fits && !Number.isNaN(new Date(value).getTime());
}

function isTimeZone(value: unknown): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value as string });
    return typeof value === 'string';
  } catch {
    return false;
  }
}

/** What BullMQ's own strategy has against it. */
function faultOf(repeat: Omit<RepeatOptions, 'key'>): string | undefined {
  try {
    getNextMillis(Date.now(), repeat);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
