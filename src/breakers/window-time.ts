import type { Window } from './window.ts';

interface Bucket {
  calls: number;
  failures: number;
  slow: number;
}

/**
 * The calls of the last `ms`: a ring of time buckets with running sums. The oldest bucket goes as a whole, so it covers
 * between `ms` less one bucket and `ms`. On the monotonic clock; a clock that stands still only makes it forget later.
 */
export class TimeWindow implements Window {
  readonly #bucketMs: number;
  readonly #buckets: Bucket[];
  /** Counted since the clock began; its place in the ring is the remainder. */
  #current = Number.NEGATIVE_INFINITY;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(ms: number, buckets: number) {
    this.#bucketMs = ms / buckets;
    this.#buckets = Array.from({ length: buckets }, () => ({ calls: 0, failures: 0, slow: 0 }));
  }

  advance(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    if (bucket <= this.#current) return;
    if (bucket - this.#current >= this.#buckets.length) this.clear();
    else for (let passed = this.#current + 1; passed <= bucket; passed += 1) this.#forget(this.#at(passed));
    this.#current = bucket;
  }

  record(now: number, failed: boolean, slow: boolean): void {
    this.advance(now);
    const bucket = this.#at(this.#current);
    bucket.calls += 1;
    this.calls += 1;
    if (failed) {
      bucket.failures += 1;
      this.failures += 1;
    }
    if (slow) {
      bucket.slow += 1;
      this.slow += 1;
    }
  }

  clear(): void {
    for (const bucket of this.#buckets) this.#forget(bucket);
  }

  #at(bucket: number): Bucket {
    return this.#buckets[bucket % this.#buckets.length]!;
  }

  #forget(bucket: Bucket): void {
    this.calls -= bucket.calls;
    this.failures -= bucket.failures;
    this.slow -= bucket.slow;
    bucket.calls = 0;
    bucket.failures = 0;
    bucket.slow = 0;
  }
}
