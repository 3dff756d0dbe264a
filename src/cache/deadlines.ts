import type { Clock } from '../shared/clock.ts';

interface Deadline {
  readonly dueAt: number;
  /** Undefined once it was met. */
  expire: (() => void) | undefined;
}

/**
 * Deadlines that are mostly the same span away: they come due in the order they were set, so one timer for the oldest does
 * for any number of them.
 */
export class Deadlines {
  readonly ms: number;
  readonly #clock: Clock;
  #queue: Deadline[] = [];
  /** Where the queue begins: taken off in bulk, so that a deadline costs no shifting. */
  #head = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #timerAt = 0;

  constructor(ms: number, clock: Clock) {
    this.ms = ms;
    this.#clock = clock;
  }

  /** Calls `expire` in `ms`, unless the function returned is called first. One that is nearer than usual costs a little more. */
  set(expire: () => void, ms = this.ms): () => void {
    if (this.#closed) {
      queueMicrotask(expire);
      return () => {};
    }
    const dueAt = this.#clock.monotonic() + ms;
    const deadline: Deadline = { dueAt, expire };
    let at = this.#queue.length;
    while (at > this.#head && (this.#queue[at - 1] as Deadline).dueAt > dueAt) at--;
    if (at === this.#queue.length) this.#queue.push(deadline);
    else this.#queue.splice(at, 0, deadline);
    if (this.#turn === undefined && (this.#timer === undefined || dueAt < this.#timerAt)) this.#arm(ms);
    return () => {
      deadline.expire = undefined;
    };
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = this.#clock.monotonic() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // One more turn of the event loop: an answer that lies in the socket while this process was busy is not late.
      this.#turn = setImmediate(() => {
        this.#turn = undefined;
        this.#expire();
      });
    }, ms);
  }

  #expire(): void {
    const now = this.#clock.monotonic();
    for (let next = this.#queue[this.#head]; next !== undefined; next = this.#queue[this.#head]) {
      const { expire } = next;
      if (expire !== undefined && next.dueAt > now) break;
      this.#head++;
      next.expire = undefined;
      expire?.();
    }
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
    const [next] = this.#queue;
    if (next !== undefined && this.#timer === undefined) this.#arm(Math.max(1, Math.ceil(next.dueAt - now)));
  }

  /** All expire now: nobody waits for what will not come. */
  close(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#closed = true;
    const left = this.#queue;
    this.#queue = [];
    this.#head = 0;
    for (const { expire } of left) expire?.();
  }
}
