import type { Clock } from '../shared/clock.ts';

/** Counts since the namespace was opened. */
export interface Counts {
  memoryHits: number;
  redisHits: number;
  misses: number;
  /** Of the hits: values past their `ttl`, within `grace`. */
  staleServed: number;
  loads: number;
  loadErrors: number;
  loadTimeouts: number;
  /** Milliseconds spent in the loader, over all loads. */
  loadMs: number;
  sets: number;
  deletes: number;
  tagInvalidations: number;
  clears: number;
  /** Values that had to leave memory to make room. */
  evictions: number;
  /** Bytes in Redis that were none of ours, damaged, or made with an unknown key: treated as a miss. */
  poisoned: number;
  /** Values a loader returned that cannot be kept; they were passed on, and are loaded again each time. */
  uncacheable: number;
  redisTimeouts: number;
  redisErrors: number;
}

export interface NamespaceStats extends Readonly<Counts> {
  name: string;
  /** Values in memory now, and the bytes they take. */
  items: number;
  bytes: number;
  /** Hits among all reads of the last 1, 10 and 60 minutes, 0 to 1; undefined where there were none. */
  hitRate: { minutes1: number | undefined; minutes10: number | undefined; minutes60: number | undefined };
}

/** `off`: no Redis is configured; `connecting`: not yet reached; `up`; `down`: away, hung or full, not asked now. */
export type RedisState = 'off' | 'connecting' | 'up' | 'down';

export interface CacheStats {
  enabled: boolean;
  redis: RedisState;
  items: number;
  bytes: number;
  /** Changes that wait for Redis to come back. */
  journaled: number;
  namespaces: NamespaceStats[];
}

/** What happens to a cache. A listener that throws is logged. */
export interface CacheEvents {
  /** Redis can be used again, or not any more; `reason` says why. */
  redis: [change: { state: RedisState; reason: string }];
  /** Bytes in Redis that were treated as a miss. */
  poisoned: [what: { namespace: string; reason: string }];
  /** More changes during an outage than the journal holds: the whole namespace counts as changed. */
  overflow: [what: { namespace: string }];
  /** A load behind the scenes failed; nobody else is told. */
  'refresh-error': [what: { namespace: string; error: unknown }];
}

const MINUTES = 60;

export function zeroCounts(): Counts {
  return {
    memoryHits: 0,
    redisHits: 0,
    misses: 0,
    staleServed: 0,
    loads: 0,
    loadErrors: 0,
    loadTimeouts: 0,
    loadMs: 0,
    sets: 0,
    deletes: 0,
    tagInvalidations: 0,
    clears: 0,
    evictions: 0,
    poisoned: 0,
    uncacheable: 0,
    redisTimeouts: 0,
    redisErrors: 0,
  };
}

/**
 * Hit rates of the last minutes from the running counts alone, so that a hit costs one addition and nothing else: at each
 * look the counts are noted under the minute they belong to, and a rate is a difference of two notes. `note` is to be
 * called at least once a minute; what it misses is attributed to the next.
 */
export class HitRates {
  readonly #clock: Clock;
  readonly #counts: Counts;
  readonly #hits = new Float64Array(MINUTES + 1);
  readonly #reads = new Float64Array(MINUTES + 1);
  #minute: number;

  constructor(counts: Counts, clock: Clock) {
    this.#counts = counts;
    this.#clock = clock;
    this.#minute = this.#now();
  }

  #now(): number {
    return Math.floor(this.#clock.monotonic() / 60_000);
  }

  /** The counts as they stood when each minute began. */
  note(): void {
    const now = this.#now();
    const [hits, reads] = this.#totals();
    for (let minute = Math.max(this.#minute + 1, now - MINUTES); minute <= now; minute++) {
      this.#hits[minute % (MINUTES + 1)] = hits;
      this.#reads[minute % (MINUTES + 1)] = reads;
    }
    this.#minute = now;
  }

  /** Hits among the reads of this minute and the `minutes - 1` before it. */
  over(minutes: number): number | undefined {
    this.note();
    const [hits, reads] = this.#totals();
    const slot = (((this.#minute - minutes + 1) % (MINUTES + 1)) + MINUTES + 1) % (MINUTES + 1);
    const since = reads - (this.#reads[slot] ?? 0);
    return since === 0 ? undefined : (hits - (this.#hits[slot] ?? 0)) / since;
  }

  #totals(): [hits: number, reads: number] {
    const { memoryHits, redisHits, misses } = this.#counts;
    const hits = memoryHits + redisHits;
    return [hits, hits + misses];
  }
}
