import type { Clock } from '../shared/clock.ts';

const quietMs = 10_000;

/** Keeps an outage, which every reconnection reports again, from flooding the log. */
export class RepeatFilter {
  readonly #clock: Clock;
  #message: string | undefined;
  #since = 0;
  #dropped = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many equal messages were dropped since the last one admitted; undefined to drop this one too. */
  admit(message: string): number | undefined {
    const now = this.#clock.monotonic();
    const fresh = message !== this.#message || now - this.#since >= quietMs;
    if (!fresh) {
      this.#dropped += 1;
      return undefined;
    }
    const dropped = this.#dropped;
    this.#message = message;
    this.#since = now;
    this.#dropped = 0;
    return dropped;
  }
}
