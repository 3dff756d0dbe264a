import type { Window } from './window.ts';

const FAILED = 1;
const SLOW = 2;

/** The last `size` calls: a ring of one byte each, with running sums. */
export class CountWindow implements Window {
  readonly #ring: Uint8Array;
  #next = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number) {
    this.#ring = new Uint8Array(size);
  }

  advance(): void {}

  record(_now: number, failed: boolean, slow: boolean): void {
    const ring = this.#ring;
    if (this.calls === ring.length) {
      const oldest = ring[this.#next]!;
      this.failures -= oldest & FAILED;
      this.slow -= (oldest & SLOW) >> 1;
    } else {
      this.calls += 1;
    }
    ring[this.#next] = (failed ? FAILED : 0) | (slow ? SLOW : 0);
    this.failures += failed ? 1 : 0;
    this.slow += slow ? 1 : 0;
    this.#next = this.#next + 1 === ring.length ? 0 : this.#next + 1;
  }

  clear(): void {
    this.#next = 0;
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
  }
}
