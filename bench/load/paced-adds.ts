import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchQueue } from '../harness/engines.ts';
import type { LiveContender } from '../harness/live-contender.ts';
import { seededRandom } from '../harness/random.ts';

/**
 * Milliseconds on a clock that all processes of a machine share: CLOCK_MONOTONIC on Linux, mach_absolute_time on
 * macOS. `performance.now()` starts anew in each process.
 */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface PacedAdds {
  readonly from: number;
  readonly count: number;
  readonly seed: number;
}

/** Adds one job after the other with 20 to 60 ms between, each stamped with the shared clock just before its `add`. */
export async function addPaced(
  contender: LiveContender,
  queue: BenchQueue,
  { from, count, seed }: PacedAdds,
): Promise<void> {
  const random = seededRandom(seed);
  for (let seq = from; seq < from + count; seq += 1) {
    await sleep(20 + random() * 40);
    await queue.add('message', { ...contender.data(seq), sentAt: sharedClockMs() });
  }
}
