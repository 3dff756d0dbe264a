import type { Clock } from '../shared/clock.ts';

/**
 * Versions of entries: microseconds since 1970, each larger than any this process has made or seen, so that of two writes of a
 * key the newer can be told. The time is Redis's own, carried on by the monotonic clock: all processes agree on it up to a
 * round trip, and a change of a machine's time of day moves nothing. Until Redis was first reached it is the time of day
 * at the start.
 */
export class Versions {
  readonly #clock: Clock;
  /** Milliseconds since 1970 at the zero of the monotonic clock. */
  #epoch: number;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#epoch = clock.now() - clock.monotonic();
  }

  /** The common time, in microseconds. */
  now(): number {
    return Math.floor((this.#epoch + this.#clock.monotonic()) * 1000);
  }

  next(): number {
    this.#last = Math.max(this.now(), this.#last + 1);
    return this.#last;
  }

  /** Redis's clock showed `microseconds` when the monotonic clock showed `at`. */
  synchronize(microseconds: number, at: number): void {
    this.#epoch = microseconds / 1000 - at;
    // Versions made by a clock that was ahead must not hold up this process for as long as it was ahead.
    this.#last = Math.min(this.#last, this.now());
  }
}

/** A version as text, comparable as text: 16 digits last until the year 2286. */
export function versionText(version: number): string {
  return String(version).padStart(16, '0');
}
