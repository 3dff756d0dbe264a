import type { Clock } from '../../shared/clock.ts';

/** An answer that came this soon is as good as any. */
const GOOD_MS = 2;
/** Asked again so often at the start, when programs are busy. */
const MOST_TIMES = 3;
/** A later answer that took longer than this tells nothing. */
const PRECISE_MS = 20;
/** Two clocks drift apart by so much of the time that passes, at worst. */
const DRIFT = 1e-4;

/**
 * What time it is at Redis. Half of an answer's way is the way back, give or take that half: so the one that came soonest counts,
 * until the clocks may have drifted apart by more, or another shows that one of them was moved.
 */
export class RedisTime {
  readonly #ask: () => Promise<readonly [string | number, string | number]>;
  readonly #clock: Clock;
  readonly #learned: (microseconds: number, at: number) => void;
  /** Redis's time when the monotonic clock shows 0, ms; known up to so many ms, when that clock showed `#at`. */
  #zero = 0;
  #error = Number.POSITIVE_INFINITY;
  #at = 0;

  constructor(
    ask: () => Promise<readonly [string | number, string | number]>,
    clock: Clock,
    learned: (microseconds: number, at: number) => void,
  ) {
    this.#ask = ask;
    this.#clock = clock;
    this.#learned = learned;
  }

  /** At the start of a connection, whatever it takes. */
  async learn(): Promise<void> {
    for (let times = 1; (await this.#take(Number.POSITIVE_INFINITY)) > GOOD_MS; times++)
      if (times === MOST_TIMES) return;
  }

  /** Once in a while. */
  async check(): Promise<void> {
    await this.#take(PRECISE_MS);
  }

  /** How long it took. */
  async #take(mostMs: number): Promise<number> {
    const sent = this.#clock.monotonic();
    const [seconds, microseconds] = await this.#ask();
    const tookMs = this.#clock.monotonic() - sent;
    const at = sent + tookMs / 2;
    const now = Number(seconds) * 1_000_000 + Number(microseconds);
    const zero = now / 1000 - at;
    const known = this.#error + Math.abs(at - this.#at) * DRIFT;
    const moved = Math.abs(zero - this.#zero) > known + tookMs / 2;
    if (tookMs <= mostMs && (moved || tookMs / 2 <= known)) {
      this.#zero = zero;
      this.#error = tookMs / 2;
      this.#at = at;
      this.#learned(now, at);
    }
    return tookMs;
  }
}
