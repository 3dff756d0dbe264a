import { Latencies } from './latencies.ts';

/** In opossum's words, where opossum has one. */
export interface Counts {
  /** Calls of `fire`, whatever became of them. */
  fires: number;
  /** Attempts that succeeded, and those whose error says that the service works. */
  successes: number;
  /** Attempts that failed, those that timed out among them. */
  failures: number;
  timeouts: number;
  /** Refused because the breaker was open. */
  rejects: number;
  /** Refused because all places, and those of the queue, were taken. */
  semaphoreRejections: number;
  /** Times the fallback was called. */
  fallbacks: number;
  /** Attempts after the first. */
  retries: number;
  /** Attempts whose function settled after its timeout. */
  late: number;
  /** Attempts that tell nothing about the service, such as those their caller gave up. */
  ignored: number;
}

const NONE: Readonly<Counts> = {
  fires: 0,
  successes: 0,
  failures: 0,
  timeouts: 0,
  rejects: 0,
  semaphoreRejections: 0,
  fallbacks: 0,
  retries: 0,
  late: 0,
  ignored: 0,
};

export const PERCENTILES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 1] as const;

export interface RecentStats extends Counts {
  /** Of the attempts that succeeded, failed or timed out, ms; 0 without any. */
  latencyMean: number;
  /** By share: `percentiles[0.99]`. Milliseconds, within 3.2 %. */
  percentiles: Record<(typeof PERCENTILES)[number], number>;
}

/** opossum's rolling window: 10 s in steps of one. */
const SLICES = 10;
const SLICE_MS = 1_000;

interface Slice {
  readonly counts: Counts;
  readonly latencies: Latencies;
}

/** What happened lately, and since the beginning. For people and metrics; the breaker judges by its `Window`. */
export class Stats {
  readonly #slices: Slice[] = Array.from({ length: SLICES }, () => ({
    counts: { ...NONE },
    latencies: new Latencies(),
  }));
  readonly #before: Counts = { ...NONE };
  #current = Number.NEGATIVE_INFINITY;

  /** The counts of this moment, to be raised. @param now on the monotonic clock, ms. */
  at(now: number): Counts {
    return this.#slice(now).counts;
  }

  latency(now: number, ms: number): void {
    this.#slice(now).latencies.record(ms);
  }

  /** The last 10 s. */
  recent(now: number): RecentStats {
    this.#slice(now);
    const counts = { ...NONE };
    const latencies = new Latencies();
    for (const slice of this.#slices) {
      add(counts, slice.counts);
      latencies.add(slice.latencies);
    }
    const percentiles = Object.fromEntries(PERCENTILES.map(share => [share, latencies.percentile(share)]));
    return {
      ...counts,
      latencyMean: latencies.mean,
      percentiles: percentiles as RecentStats['percentiles'],
    };
  }

  /** Since the breaker was made. */
  totals(): Counts {
    const counts = { ...this.#before };
    for (const slice of this.#slices) add(counts, slice.counts);
    return counts;
  }

  #slice(now: number): Slice {
    const slice = Math.floor(now / SLICE_MS);
    if (slice > this.#current) this.#advance(slice);
    return this.#slices[this.#current % SLICES]!;
  }

  #advance(to: number): void {
    const from = Math.max(0, this.#current + 1, to - SLICES + 1);
    for (let passed = from; passed <= to; passed += 1) {
      const { counts, latencies } = this.#slices[passed % SLICES]!;
      add(this.#before, counts);
      Object.assign(counts, NONE);
      latencies.clear();
    }
    this.#current = to;
  }
}

function add(sum: Counts, more: Counts): void {
  for (const key of Object.keys(NONE) as (keyof Counts)[]) sum[key] += more[key];
}
