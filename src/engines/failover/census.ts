import type { Ledger } from './ledger/index.ts';

/** What the standby holds of a queue. */
export interface Held {
  /** Jobs still to be run there: waiting, delayed, active or parents of such. */
  work: number;
  /** All of them, finished ones and job schedulers included. */
  total: number;
}

export interface Count {
  counted: ReadonlyMap<string, Held>;
  /** Whether jobs are on their way to the primary, in neither home for the moment. */
  moving: boolean;
}

const NONE: Held = { work: 0, total: 0 };

/**
 * What the standby holds, by queue: asked on every call, so it is kept in memory and refreshed when the file has changed. Wrong
 * only on the safe side: what this process puts there is counted at once.
 */
export class Census {
  /** Until it was counted for the first time anything may be there. */
  #isCounted = false;
  #held = new Map<string, Held>();
  readonly #count: () => Promise<Count>;
  #refreshing: Promise<void> | undefined;
  /** Counted between the beginning of a refresh and its end; the refresh may have missed it. */
  #added = new Map<string, number>();

  constructor(count: () => Promise<Count>) {
    this.#count = count;
  }

  holds(queue: string): boolean {
    return !this.#isCounted || this.#held.has(queue);
  }

  hasWork(queue: string): boolean {
    return !this.#isCounted || (this.#held.get(queue)?.work ?? 0) > 0;
  }

  /** Jobs still to be run, in all queues. */
  get work(): number {
    let work = 0;
    for (const held of this.#held.values()) work += held.work;
    return work;
  }

  get queues(): string[] {
    return [...this.#held.keys()];
  }

  add(queue: string, jobs: number): void {
    const { work = 0, total = 0 } = this.#held.get(queue) ?? {};
    this.#held.set(queue, { work: work + jobs, total: total + jobs });
    this.#added.set(queue, (this.#added.get(queue) ?? 0) + jobs);
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    this.#added = new Map();
    const { counted, moving } = await this.#count();
    const held = new Map<string, Held>();
    for (const [queue, { work, total }] of counted) if (total > 0) held.set(queue, { work, total });
    for (const [queue, jobs] of this.#added) {
      const { work = 0, total = 0 } = held.get(queue) ?? {};
      held.set(queue, { work: work + jobs, total: total + jobs });
    }
    // A queue whose last jobs are on their way is not done with.
    if (moving) for (const queue of this.#held.keys()) if (!held.has(queue)) held.set(queue, NONE);
    this.#held = held;
    this.#isCounted = true;
  }
}

/** Counts what the standby holds, from its own counters. */
export async function countStandby(ledger: Ledger): Promise<Count> {
  const [counts, { moving }] = await Promise.all([ledger.standby(jobs => jobs.counts()), ledger.counts()]);
  const counted = new Map(
    counts.map(
      ({ queue, completed, failed, schedulers, wait, active, delayed, prioritized, waitingChildren }) => {
        const work = wait + active + delayed + prioritized + waitingChildren;
        return [queue, { work, total: work + completed + failed + schedulers }];
      },
    ),
  );
  return { counted, moving: moving > 0 };
}
