import type { Clock } from '../../shared/clock.ts';

/** More than the times of two processes differ: each is off by half a round trip to Redis at most (see RedisLink). */
const SKEW_US = 20_000;
/** By so much at most a version is ahead of the time it was made at: that of an invalidation. */
export const LEAD_US = 2 * SKEW_US;
/** A clock may be put back by hours, and what it made stays valid; more than a day ahead is no clock's doing. */
export const FARTHEST_US = 86_400_000_000;
/** A step back of the common time that is more than a correction. */
const LEAP_US = 1_000_000;

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
  #loaded = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#epoch = clock.now() - clock.monotonic();
  }

  /** The common time, in microseconds. */
  now(): number {
    return Math.floor((this.#epoch + this.#clock.monotonic()) * 1000);
  }

  /**
   * Of a value that is about to be loaded. Never ahead of the common time, not even after a change by this process, which is:
   * else the next change, by another process whose time is a little behind, would be taken for an older one. So for some
   * milliseconds after a change what is loaded is not kept.
   */
  next(): number {
    this.#loaded = Math.max(this.now(), this.#loaded + 1);
    return this.#loaded;
  }

  /** Of a value that somebody sets: newer than all this process did before. */
  nextSet(): number {
    this.#last = Math.max(this.now(), this.#last + 1, this.#loaded + 1);
    return this.#last;
  }

  /** Of a deletion: ahead by as much as another process's time may differ, so that it takes in all that is being loaded. */
  nextDeletion(): number {
    return this.#ahead(SKEW_US);
  }

  /** Of an invalidation, which takes in what another process has set right after a deletion of its own, too. */
  nextInvalidation(): number {
    return this.#ahead(LEAD_US);
  }

  #ahead(microseconds: number): number {
    this.#last = Math.max(this.now() + microseconds, this.#last + 1);
    return this.#last;
  }

  /** Whether it can have been made by one of us. */
  isPossible(version: number): boolean {
    return version <= this.now() + FARTHEST_US;
  }

  /**
   * Redis's clock showed `microseconds` when the monotonic clock showed `at`. True when that is so far back that all versions
   * made so far are of no use: they would look newer than whatever comes next.
   */
  synchronize(microseconds: number, at: number): boolean {
    this.#epoch = microseconds / 1000 - at;
    const back = Math.max(this.#last, this.#loaded) > this.now() + LEAP_US;
    if (back) {
      this.#last = 0;
      this.#loaded = 0;
    }
    return back;
  }
}

/** A version as text, comparable as text: 16 digits last until the year 2286. */
export function versionText(version: number): string {
  return String(version).padStart(16, '0');
}
