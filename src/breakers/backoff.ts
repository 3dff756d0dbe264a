/** How long to wait before the nth try: growing, bounded and spread. */
export interface Backoff {
  /** The first wait, ms. */
  readonly ms: number;
  /** Each further one is so many times as long. */
  readonly factor: number;
  /** No longer than this, ms. */
  readonly maxMs: number;
  /** The share of the wait that is left to chance, 0 to 1: 0.1 is plus or minus 10 %. */
  readonly jitter: number;
}

/** @param n from 1. @param random a fraction, 0 <= x < 1. */
export function backoffMs({ ms, factor, maxMs, jitter }: Backoff, n: number, random: number): number {
  const wait = Math.min(ms * factor ** (n - 1), maxMs);
  return Math.min(wait * (1 + jitter * (2 * random - 1)), maxMs);
}
