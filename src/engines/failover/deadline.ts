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

/**
 * One wait: what to make of the work's value, of its error and of its being late; what these throw rejects. A link in the
 * list of all that is waited for, so that a wait costs one object and leaves no garbage that grows old.
 */
export abstract class Wait<T, R> {
  until = 0;
  open = false;
  previous: Wait<never, never> | undefined;
  next: Wait<never, never> | undefined;
  resolve: (result: R | Promise<R>) => void = nothing;
  reject: (error: unknown) => void = nothing;
  abstract value(value: T): R | Promise<R>;
  abstract error(error: unknown): R | Promise<R>;
  abstract late(): R | Promise<R>;
}

type AnyWait = Wait<never, never>;

class Bound<T> extends Wait<T, T | typeof LATE> {
  value(value: T): T {
    return value;
  }
  error(error: unknown): never {
    throw error;
  }
  late(): typeof LATE {
    return LATE;
  }
}

function nothing(): void {}

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
  #first: AnyWait | undefined;
  #last: AnyWait | undefined;
  #pending = 0;
  #callOff: (() => void) | undefined;
  #lookedAt = 0;
  #closed = false;

  constructor(loop: EventLoop = systemLoop) {
    this.#loop = loop;
  }

  /** How many calls are waited for. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Settles as the work does, or with LATE: not before `ms`, and at most about 25 ms after, twice that when the event
   * loop was held up. The work is not stopped; keep its promise to learn what became of it. Its rejection is handled
   * here, late or not, so none is ever reported as unhandled.
   *
   * @param ms milliseconds, more than 0.
   */
  bound<T>(work: Promise<T>, ms: number): Promise<T | typeof LATE> {
    return this.settle(work, ms, new Bound<T>());
  }

  /** The same, and settles with what the wait makes of the end. One promise for all of it: every job comes by here. */
  settle<T, R>(work: Promise<T>, ms: number, wait: Wait<T, R>): Promise<R> {
    return new Promise((resolve, reject) => {
      const now = this.#loop.now();
      wait.until = now + ms;
      wait.resolve = resolve;
      wait.reject = reject;
      this.#add(wait as unknown as AnyWait);
      work.then(
        value => {
          // What comes late is for others to use.
          if (!this.#remove(wait as unknown as AnyWait)) return;
          try {
            resolve(wait.value(value));
          } catch (error) {
            reject(error);
          }
        },
        (failure: unknown) => {
          if (!this.#remove(wait as unknown as AnyWait)) return;
          try {
            resolve(wait.error(failure));
          } catch (error) {
            reject(error);
          }
        },
      );
      if (this.#callOff !== undefined) return;
      if (this.#closed) return this.#declareAll();
      this.#lookedAt = now;
      this.#plan(now);
    });
  }

  #add(wait: AnyWait): void {
    wait.open = true;
    wait.previous = this.#last;
    if (this.#last === undefined) this.#first = wait;
    else this.#last.next = wait;
    this.#last = wait;
    this.#pending += 1;
  }

  /** Tells whether it was still waited for. */
  #remove(wait: AnyWait): boolean {
    if (!wait.open) return false;
    wait.open = false;
    const { previous, next } = wait;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    wait.previous = undefined;
    wait.next = undefined;
    this.#pending -= 1;
    return true;
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
    if (this.#pending === 0) return;
    const now = this.#loop.now();
    // Held up: only what was overdue at the look before, and has had time to be answered since, is late.
    const before = now - due > HELD_UP_MS ? this.#lookedAt : now;
    this.#declareAll(before);
    this.#lookedAt = now;
    if (this.#pending > 0) this.#plan(now);
  }

  #declareAll(until = Number.POSITIVE_INFINITY): void {
    let wait = this.#first;
    while (wait !== undefined) {
      const { next } = wait;
      if (wait.until <= until && this.#remove(wait)) {
        try {
          wait.resolve(wait.late());
        } catch (error) {
          wait.reject(error);
        }
      }
      wait = next;
    }
  }
}
