import { clearImmediate, clearTimeout, setImmediate, setTimeout } from 'node:timers';

/** What a bounded wait settles with when its work did not settle in time. The work may still come to an end. */
export const LATE: unique symbol = Symbol('late');

/** The parts of the event loop that deadlines stand on, so that tests can be the loop. */
export interface EventLoop {
  /** Milliseconds, never going back. */
  now(): number;
  /** Runs it once after so many milliseconds, without keeping the process alive. Returns what calls it off. */
  after(ms: number, run: () => void): () => void;
  /** Runs it once all I/O that is ready now has been handled. Returns what calls it off. */
  afterPoll(run: () => void): () => void;
}

/** Node's own. Its functions are taken at import: a test's fake timers move the program's clock, not the engine's. */
export const systemLoop: EventLoop = {
  now: performance.now.bind(performance),
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
  afterPoll(run) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  },
};

/** How often it is looked for late calls, ms. */
const INTERVAL_MS = 25;
/** A look that comes later than planned by more than this shows that the event loop was held up, ms. */
const HELD_UP_MS = 5;

interface Call {
  readonly until: number;
  readonly late: () => void;
}

/** What to make of the work's value, of its error, and of its being late. What they throw rejects. */
export interface Ends<T, R> {
  value(value: T): R | Promise<R>;
  error(error: unknown): R | Promise<R>;
  late(): R | Promise<R>;
}

const same = <T>(value: T): T => value;
const rethrow = (error: unknown): never => {
  throw error;
};

/**
 * Bounds thousands of waits a second with one timer, which runs only while something waits. A timer for each call would
 * cost more than the call itself, and almost none ever fires.
 *
 * When the user's code holds up the event loop, timers fire before the answers that came meanwhile are read, and each
 * call would wrongly be late. So nothing is late before all that is ready has been read; and after a hold-up, a call
 * gets until the next look, because its command may not even have been sent.
 */
export class Deadlines {
  readonly #loop: EventLoop;
  readonly #calls = new Set<Call>();
  #callOff: (() => void) | undefined;
  #lookedAt = 0;
  #closed = false;

  constructor(loop: EventLoop = systemLoop) {
    this.#loop = loop;
  }

  /** How many calls are waited for. */
  get pending(): number {
    return this.#calls.size;
  }

  /**
   * Settles as the work does, or with LATE: not before `ms`, and at most about 25 ms after, twice that when the event
   * loop was held up. The work is not stopped; keep its promise to learn what became of it. Its rejection is handled
   * here, late or not, so none is ever reported as unhandled.
   *
   * @param ms milliseconds, more than 0.
   */
  bound<T>(work: Promise<T>, ms: number): Promise<T | typeof LATE> {
    return this.settle<T, T | typeof LATE>(work, ms, { value: same, error: rethrow, late: () => LATE });
  }

  /**
   * The same, with what to make of each end: settles with what that gives. One promise for all of it: this is on the way
   * of every job.
   */
  settle<T, R>(work: Promise<T>, ms: number, ends: Ends<T, R>): Promise<R> {
    return new Promise((resolve, reject) => {
      const now = this.#loop.now();
      const call: Call = { until: now + ms, late: () => resolve(ends.late()) };
      this.#calls.add(call);
      const end = <V>(make: (result: V) => R | Promise<R>, result: V) => {
        // What comes late is for others to use.
        if (!this.#calls.delete(call)) return;
        try {
          resolve(make(result));
        } catch (error) {
          reject(error);
        }
      };
      work.then(
        value => end(ends.value, value),
        (error: unknown) => end(ends.error, error),
      );
      if (this.#callOff !== undefined) return;
      if (this.#closed) return this.#declareAll();
      this.#lookedAt = now;
      this.#plan(now);
    });
  }

  /** The primary was given up: nobody need wait for it to the end of a deadline. */
  expireAll(): void {
    this.#declareAll();
  }

  /** Nobody looks any more: all that is waited for, now or later, is LATE at once. */
  close(): void {
    this.#closed = true;
    this.#callOff?.();
    this.#callOff = undefined;
    this.#declareAll();
  }

  #plan(now: number): void {
    const due = now + INTERVAL_MS;
    this.#callOff = this.#loop.after(INTERVAL_MS, () => {
      this.#callOff = this.#loop.afterPoll(() => this.#look(due));
    });
  }

  #look(due: number): void {
    this.#callOff = undefined;
    if (this.#calls.size === 0) return;
    const now = this.#loop.now();
    // Held up: only what was overdue at the look before, and has had time to be answered since, is late.
    const before = now - due > HELD_UP_MS ? this.#lookedAt : now;
    for (const call of this.#calls) if (call.until <= before) this.#declare(call);
    this.#lookedAt = now;
    if (this.#calls.size > 0) this.#plan(now);
  }

  #declareAll(): void {
    for (const call of this.#calls) this.#declare(call);
  }

  #declare(call: Call): void {
    this.#calls.delete(call);
    call.late();
  }
}
