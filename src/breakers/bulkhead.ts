import { type Deadlines, Due } from './deadlines.ts';

/** A call that waits for a place. It enters or is refused, once. */
class Waiting extends Due {
  readonly enter: () => void;
  readonly expire: () => void;
  /** Who came after it. */
  behind: Waiting | undefined;

  constructor(enter: () => void, expire: () => void) {
    super();
    this.enter = enter;
    this.expire = expire;
  }
}

/** So many calls at once, and so many that wait for a place, in order of arrival. */
export class Bulkhead {
  readonly #deadlines: Deadlines;
  /** Those whose wait is over stay in the line until it is their turn, and are passed over. */
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  queued = 0;
  running = 0;
  concurrency: number;
  queueSize: number;

  constructor(deadlines: Deadlines, concurrency: number, queueSize: number) {
    this.#deadlines = deadlines;
    this.concurrency = concurrency;
    this.queueSize = queueSize;
  }

  get free(): boolean {
    return this.running < this.concurrency;
  }

  /** Waits for a place until a moment of the monotonic clock. False where the queue is full too. */
  wait(until: number, enter: () => void, refuse: () => void): boolean {
    if (this.queued >= this.queueSize) return false;
    const waiting = new Waiting(enter, () => {
      this.queued -= 1;
      refuse();
    });
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.behind = waiting;
    this.#last = waiting;
    this.queued += 1;
    this.#deadlines.add(waiting, until);
    return true;
  }

  /** Gives a place back. */
  release(): void {
    this.running -= 1;
    if (this.queued > 0) this.admit();
  }

  /** Lets in who waits, as far as there are places. Who enters takes one, or leaves it to the next. */
  admit(): void {
    while (this.free && this.#first !== undefined) {
      const waiting = this.#first;
      this.#first = waiting.behind;
      if (this.#first === undefined) this.#last = undefined;
      if (!this.#deadlines.remove(waiting)) continue;
      this.queued -= 1;
      waiting.enter();
    }
  }

  /** Lets in all who wait, places or not: for a breaker that will refuse them. */
  dismiss(): void {
    const { concurrency } = this;
    this.concurrency = Number.POSITIVE_INFINITY;
    this.admit();
    this.concurrency = concurrency;
  }
}
