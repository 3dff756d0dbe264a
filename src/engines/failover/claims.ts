import type { Place } from './entries.ts';

/** What the workers of this process have claimed. */
export class Claims {
  readonly #claimed = new Map<string, Map<string, Place>>();
  readonly #abandoned = new Map<string, Set<string>>();

  /** Jobs of a queue that were claimed and not reported yet, by id, and where they live. */
  of(queue: string): Map<string, Place> {
    const claimed = this.#claimed.get(queue) ?? new Map<string, Place>();
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
