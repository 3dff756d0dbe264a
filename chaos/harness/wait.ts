import { setTimeout as delay } from 'node:timers/promises';
import { sharedClockMs } from './clock.ts';

const LOOK_EVERY_MS = 25;

/** Asks until it holds; false when it did not within the bound. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
  everyMs = LOOK_EVERY_MS,
): Promise<boolean> {
  const deadline = sharedClockMs() + withinMs;
  while (!(await holds())) {
    if (sharedClockMs() > deadline) return false;
    await delay(everyMs);
  }
  return true;
}

/** The promise's value, or undefined when it has none within the bound or rejects. */
export async function within<T>(withinMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, withinMs, undefined);
  });
  try {
    return await Promise.race([promise.catch(() => undefined), bound]);
  } finally {
    clearTimeout(timer);
  }
}
