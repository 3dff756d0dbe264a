import type { Clock } from '../shared/clock.ts';

const COMPACT_ABOVE = 1_000;

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
  /** Not met yet. */
  #open = 0;
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
    if (this.#queue.length > COMPACT_ABOVE && this.#queue.length > 2 * this.#open) this.#compact();
    this.#open++;
    const dueAt = this.#clock.monotonic() + ms;
    const deadline: Deadline = { dueAt, expire };
    let at = this.#queue.length;
    while (at > this.#head && (this.#queue[at - 1] as Deadline).dueAt > dueAt) at--;
    if (at === this.#queue.length) this.#queue.push(deadline);
    else this.#queue.splice(at, 0, deadline);
    if (this.#turn === undefined && (this.#timer === undefined || dueAt < this.#timerAt)) this.#arm(ms);
    return () => {
      if (deadline.expire === undefined) return;
      deadline.expire = undefined;
      this.#open--;
    };
  }

  /** Deadlines that are kept, met or not. */
  get size(): number {
    return this.#queue.length;
  }

  /** One that was met goes when its time has come, or here: where that is an hour away, all that were met would lie there. */
  #compact(): void {
    this.#queue = this.#queue.slice(this.#head).filter(deadline => deadline.expire !== undefined);
    this.#head = 0;
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
      if (expire !== undefined) this.#open--;
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
