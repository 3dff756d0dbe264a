/** Digits of a number in base 36 that hold the milliseconds since 1970 until the year 5188. */
const TIME_DIGITS = 9;
const COUNTER_DIGITS = 4;
const COUNTER_LIMIT = 36 ** COUNTER_DIGITS;

/**
 * Names jobs that the caller doesn't name. BullMQ's own counters would give the same number to different jobs on the
 * primary and on the standby, and the later of the two would be taken for a duplicate. Ours are unique on both:
 * `<time><counter>-<process>`, growing with time, so that the standby's index grows at its end and ids sort as they came.
 */
export class JobIds {
  readonly #source: string;
  readonly #now: () => number;
  #time = 0;
  #prefix = '';
  #counter = 0;

  /** @param source tells this process from all others: 12 characters or more of letters and digits, at random. */
  constructor(source: string, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  next(): string {
    const now = this.#now();
    // A clock that goes back must not give a name twice; nor may more than 1.6 million names in a millisecond.
    if (now > this.#time || this.#counter >= COUNTER_LIMIT) {
      this.#time = Math.max(now, this.#time + 1);
      this.#prefix = Math.trunc(this.#time).toString(36).padStart(TIME_DIGITS, '0');
      this.#counter = 0;
    }
    const count = (this.#counter++).toString(36).padStart(COUNTER_DIGITS, '0');
    return `${this.#prefix}${count}-${this.#source}`;
  }
}
