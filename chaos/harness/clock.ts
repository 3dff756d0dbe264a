/**
 * Milliseconds on a clock that all processes of a machine share: CLOCK_MONOTONIC on Linux, mach_absolute_time on
 * macOS. `performance.now()` starts anew in each process.
 */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
