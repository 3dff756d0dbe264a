import type { Clock } from '../../shared/clock.ts';

/**
 * Whether it was noted within the last `ms`. By the time of day, since another process, or an earlier one, may have noted it; so a
 * clock that was put back must not make it young for as long.
 */
export function isYounger({ at }: { at: number }, ms: number, clock: Pick<Clock, 'now'>): boolean {
  return Math.abs(clock.now() - at) < ms;
}
