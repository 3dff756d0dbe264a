interface Waiting {
  readonly since: number;
  readonly reject: (error: Error) => void;
}

/** How far a deadline may be overrun, as a part of it. */
const GRAIN = 8;

/**
 * Bounds many short waits with one timer. A timer for each costs more than all else a small webhook needs, and
 * almost none ever fires.
 */
export class Deadline {
  readonly #ms: number;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  /** @param ms how long a wait may last, up to an eighth longer; 0 for ever. */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Settles as the work does, or rejects when it takes too long. The work itself is not stopped. */
  bound(work: Promise<unknown>): Promise<unknown> {
    if (this.#ms === 0) return work;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { since: performance.now(), reject };
      this.#waiting.add(waiting);
      this.#timer ??= setTimeout(() => this.#sweep(), this.#ms / GRAIN);
      work.then(
        value => {
          this.#waiting.delete(waiting);
          resolve(value);
        },
        error => {
          this.#waiting.delete(waiting);
          reject(error);
        },
      );
    });
  }

  #sweep(): void {
    const before = performance.now() - this.#ms;
    for (const waiting of this.#waiting) {
      if (waiting.since > before) break; // the rest came later
      this.#waiting.delete(waiting);
      waiting.reject(new Error(`No answer within ${this.#ms} ms.`));
    }
    this.#timer = this.#waiting.size > 0 ? setTimeout(() => this.#sweep(), this.#ms / GRAIN) : undefined;
  }
}
