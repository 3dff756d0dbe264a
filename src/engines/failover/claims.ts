/** A job that was claimed on the standby; the number of one claimed on the primary is the epoch it was claimed in. */
export const ON_STANDBY = -1;

/** What the workers of this process have claimed. */
export class Claims {
  readonly #claimed = new Map<string, Map<string, number>>();
  readonly #abandoned = new Map<string, Set<string>>();

  /** Jobs of a queue that were claimed and not reported yet, by id: where, and when. */
  of(queue: string): Map<string, number> {
    const claimed = this.#claimed.get(queue) ?? new Map<string, number>();
    this.#claimed.set(queue, claimed);
    return claimed;
  }

  /** A claim whose answer never came: the job may be ours without our knowing. */
  abandon(queue: string, token: string): void {
    const tokens = this.#abandoned.get(queue) ?? new Set();
    this.#abandoned.set(queue, tokens.add(token));
  }

  /** Tokens of such claims, by queue. */
  get abandoned(): ReadonlyMap<string, Set<string>> {
    return this.#abandoned;
  }
}
