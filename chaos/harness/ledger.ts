import type { Entry } from './log.ts';

/** One call of `add`. */
export interface Attempt {
  readonly actor: string;
  readonly at: number;
  /** Undefined while under way; for good when its process died or the call hangs. */
  settledAt?: number;
  outcome: 'unknown' | 'acknowledged' | 'rejected';
}

/** What became of one job. */
export interface Runs {
  /** When the work was done, in the order in which it was read. */
  readonly at: number[];
  /** Handlers that found the work done. */
  repeats: number;
  /** How often the engine took its result. */
  completed: number;
  /** The job's ids; of one that was worked off twice there is one. */
  readonly ids: Set<string>;
}

/** All that the logs of all children say, kept up as they grow. */
export class Ledger {
  readonly attempts = new Map<string, Attempt>();
  readonly runs = new Map<string, Runs>();
  /** Finished jobs that the engine recorded as failed. */
  readonly failed: Entry[] = [];
  /** Texts of failed adds and of `error` events, and how often. */
  readonly rejections = new Map<string, number>();
  readonly errors = new Map<string, number>();
  /** Ids of jobs of which the engine has told that they ran twice, or are about to. */
  readonly counted = new Set<string>();
  /** Handlers that ran, in all: grows as long as work goes on. */
  progress = 0;
  /** By worker: when it last ran a job. */
  readonly lastRun = new Map<string, number>();
  /** By producer: when the latest call that was acknowledged began. */
  readonly lastAcknowledged = new Map<string, number>();
  readonly #owed = new Set<string>();

  /** Acknowledged, and not processed yet. */
  get owed(): number {
    return this.#owed.size;
  }

  take(entry: Entry, actor: string): void {
    const { kind, key, at } = entry;
    switch (kind) {
      case 'began':
        this.attempts.set(key, { actor, at, outcome: 'unknown' });
        return;
      case 'acknowledged':
      case 'rejected':
        if (kind === 'rejected') count(this.rejections, entry.reason);
        this.#settle(key, kind, at, actor);
        return;
      case 'ran':
      case 'repeated':
        this.#ran(entry, kind, actor);
        return;
      case 'counted':
        this.counted.add(key);
        return;
      case 'completed':
        this.#runsOf(key).completed += 1;
        return;
      case 'failed':
        this.failed.push(entry);
        return;
      case 'error':
        count(this.errors, entry.reason);
    }
  }

  #settle(key: string, outcome: 'acknowledged' | 'rejected', at: number, actor: string): void {
    const attempt = this.attempts.get(key);
    if (attempt === undefined) throw new Error(`${key} was ${outcome} before it began`);
    attempt.settledAt = at;
    attempt.outcome = outcome;
    if (outcome === 'rejected') return;
    this.#later(this.lastAcknowledged, actor, attempt.at);
    if (!this.#processed(key)) this.#owed.add(key);
  }

  #ran({ key, at, reason }: Entry, kind: 'ran' | 'repeated', actor: string): void {
    const runs = this.#runsOf(key);
    runs.ids.add(reason);
    if (kind === 'ran') runs.at.push(at);
    else runs.repeats += 1;
    this.progress += 1;
    this.#later(this.lastRun, actor, at);
    this.#owed.delete(key);
  }

  #runsOf(key: string): Runs {
    const found = this.runs.get(key);
    if (found !== undefined) return found;
    const made: Runs = { at: [], repeats: 0, completed: 0, ids: new Set() };
    this.runs.set(key, made);
    return made;
  }

  /** A killed worker's `repeated` may be all there is: the record of the work outlived its log line. */
  #processed(key: string): boolean {
    const runs = this.runs.get(key);
    return runs !== undefined && (runs.at.length > 0 || runs.repeats > 0);
  }

  #later(times: Map<string, number>, actor: string, at: number): void {
    times.set(actor, Math.max(at, times.get(actor) ?? Number.NEGATIVE_INFINITY));
  }
}

function count(counts: Map<string, number>, text: string): void {
  // Ports, ids and times would make every text another one.
  const kind = text.replaceAll(/\d+/g, 'N');
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
