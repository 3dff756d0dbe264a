/** A job that was claimed on the standby; the number of one claimed on the primary is the epoch it was claimed in. */
export const ON_STANDBY = -1;

/** The tokens of BullMQ's own workers. Others are the user's, who may give one to all of his machines. */
const OF_ONE_WORKER = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:\d+$/;

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

  /**
   * A claim whose answer never came: the job may be ours without our knowing. With a token that may be another's too it can't
   * be told from theirs, and goes back when its lock runs out.
   */
  abandon(queue: string, token: string): void {
    if (!OF_ONE_WORKER.test(token)) return;
    const tokens = this.#abandoned.get(queue) ?? new Set();
    this.#abandoned.set(queue, tokens.add(token));
  }

  /** Tokens of such claims, by queue. */
  get abandoned(): ReadonlyMap<string, Set<string>> {
    return this.#abandoned;
  }
}
