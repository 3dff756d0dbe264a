/**
 * Two clocks, never mixed: `now` tells the time of day (what jobs, locks and events record, in ms since 1970),
 * `monotonic` measures durations and is not moved by a change of the wall clock (ms, fractional).
 */
export interface Clock {
  now(): number;
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
