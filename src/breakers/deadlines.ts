import type { Surroundings, Timer } from './surroundings.ts';

/** Something that has until a moment to end. A link of the list it waits in, so that waiting allocates nothing. */
export abstract class Due {
  /** On the monotonic clock, ms. */
  until = 0;
  waiting = false;
  previous: Due | undefined;
  next: Due | undefined;
  /** The moment has passed. It is in the list no more. */
  abstract expire(): void;
}

/**
 * Bounds any number of calls with one timer. A timer for each would cost more than the call, and almost none ever fires.
 * The list is sorted; as calls of one breaker share one timeout, a new one nearly always belongs at its end, so adding and
 * removing take constant time.
 */
export class Deadlines {
  readonly #world: Surroundings;
  #first: Due | undefined;
  #last: Due | undefined;
  #timer: Timer | undefined;
  #timerUntil = 0;
  #closed = false;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** @param until a moment on the monotonic clock, ms. */
  add(due: Due, until: number): void {
    due.until = until;
    due.waiting = true;
    let before = this.#last;
    while (before !== undefined && before.until > until) before = before.previous;
    const after = before === undefined ? this.#first : before.next;
    due.previous = before;
    due.next = after;
    if (before === undefined) this.#first = due;
    else before.next = due;
    if (after === undefined) this.#last = due;
    else after.previous = due;
    if (before === undefined) this.#watch(due, after === undefined);
  }

  /** Whether it was still waiting. */
  remove(due: Due): boolean {
    if (!due.waiting) return false;
    due.waiting = false;
    const { previous, next } = due;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    due.previous = undefined;
    due.next = undefined;
    if (this.#first === undefined) this.#rest();
    return true;
  }

  /** What waits is still bounded; with the last of it the timer goes. */
  close(): void {
    this.#closed = true;
    if (this.#first === undefined) this.#rest();
  }

  /** The timer is left as it is: the next call would only set it again. It must not keep an idle process alive, though. */
  #rest(): void {
    this.#timer?.hold(false);
    if (!this.#closed) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #watch(first: Due, wasEmpty: boolean): void {
    if (this.#timer !== undefined && this.#timerUntil <= first.until) {
      if (wasEmpty) this.#timer.hold(true);
      return;
    }
    this.#timer?.cancel();
    this.#arm(first);
  }

  #arm(first: Due): void {
    this.#timerUntil = first.until;
    const wait = Math.max(0, Math.ceil(first.until - this.#world.monotonic()));
    this.#timer = this.#world.after(wait, () => {
      this.#timer = undefined;
      this.#expireUntil(this.#world.monotonic());
      // One that expired may have added another.
      if (this.#first !== undefined && this.#timer === undefined) this.#arm(this.#first);
    });
  }

  #expireUntil(now: number): void {
    for (let due = this.#first; due !== undefined && due.until <= now; due = this.#first) {
      this.remove(due);
      due.expire();
    }
  }
}
