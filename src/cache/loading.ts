import { LRUCache } from 'lru-cache';
import type { Clock } from '../shared/clock.ts';
import { SpillwayError } from '../shared/errors.ts';
import { Deadlines } from './deadlines.ts';
import { closedError } from './namespace-checks.ts';
import type { Counts } from './stats.ts';
import type { LoadContext } from './types.ts';

export interface LoadingSettings<K, V> {
  namespace: string;
  load: ((key: K, context: LoadContext) => V | PromiseLike<V>) | undefined;
  loadMany:
    | ((keys: readonly K[], context: LoadContext) => PromiseLike<readonly V[]> | readonly V[])
    | undefined;
  batchSize: number;
  hardTimeoutMs: number;
  errorTtlMs: number;
  maxLoads: number;
}

type OneLoad<K, V> = (key: K, context: LoadContext) => V | PromiseLike<V>;

interface Miss<K, V> {
  key: K;
  resolve(value: V): void;
  reject(error: unknown): void;
}

/** How many failures are remembered at a time. */
const MOST_FAILURES = 10_000;

/** Runs the loader: so many at a time, none longer than its deadline, misses of one turn together where it can. */
export class Loading<K, V> {
  readonly #settings: LoadingSettings<K, V>;
  readonly #counts: Counts;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #failures = new LRUCache<string, { error: unknown; until: number }>({ max: MOST_FAILURES });
  readonly #queue: (() => boolean)[] = [];
  #running = 0;
  #closed = false;
  #batch: Miss<K, V>[] = [];
  #flush: NodeJS.Immediate | undefined;

  constructor(settings: LoadingSettings<K, V>, counts: Counts, clock: Clock) {
    this.#settings = settings;
    this.#counts = counts;
    this.#clock = clock;
    this.#deadlines = new Deadlines(settings.hardTimeoutMs, clock);
  }

  get possible(): boolean {
    return this.#settings.load !== undefined || this.#settings.loadMany !== undefined;
  }

  /** The failure that is still the answer for this key. */
  failureOf(name: string): { error: unknown } | undefined {
    const failure = this.#failures.get(name);
    if (failure === undefined) return undefined;
    if (failure.until > this.#clock.monotonic()) return failure;
    this.#failures.delete(name);
    return undefined;
  }

  forgetFailure(name: string): void {
    this.#failures.delete(name);
  }

  async load(name: string, key: K, once: OneLoad<K, V> | undefined): Promise<V> {
    try {
      const value = await this.#one(key, once ?? this.#settings.load);
      this.#failures.delete(name);
      return value;
    } catch (error) {
      this.#counts.loadErrors++;
      this.#failures.set(name, { error, until: this.#clock.monotonic() + this.#settings.errorTtlMs });
      throw error;
    }
  }

  #one(key: K, load: OneLoad<K, V> | undefined): Promise<V> {
    if (load !== undefined) return this.#call(signal => load(key, { signal }));
    return new Promise((resolve, reject) => {
      this.#batch.push({ key, resolve, reject });
      // Misses of one turn of the event loop go to `loadMany` together.
      if (this.#batch.length >= this.#settings.batchSize) this.#flushBatch();
      else if (this.#flush === undefined) this.#flush = setImmediate(() => this.#flushBatch());
    });
  }

  #flushBatch(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const batch = this.#batch;
    this.#batch = [];
    const keys = batch.map(miss => miss.key);
    this.#call(signal => this.#settings.loadMany?.(keys, { signal }) ?? []).then(
      values => this.#deal(batch, values),
      (error: unknown) => {
        for (const miss of batch) miss.reject(error);
      },
    );
  }

  #deal(batch: readonly Miss<K, V>[], values: readonly V[]): void {
    const fits = Array.isArray(values) && values.length === batch.length;
    const received = Array.isArray(values) ? `${values.length}` : `a value of type ${typeof values}`;
    for (const [at, miss] of batch.entries()) {
      if (fits) miss.resolve(values[at] as V);
      else miss.reject(this.#misfit(batch.length, received));
    }
  }

  /** One call of the program's loader, when it is its turn. */
  #call<T>(invoke: (signal: AbortSignal) => T | PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = new AbortController();
      let state: 'waiting' | 'running' | 'over' = 'waiting';
      const finish = (settle: () => void) => {
        if (state === 'over') return;
        if (state === 'running') this.#leave();
        state = 'over';
        met();
        settle();
      };
      const met = this.#deadlines.set(() => {
        const late = this.#closed ? closedError() : this.#late();
        if (!this.#closed) this.#counts.loadTimeouts++;
        // A loader that hangs for good must not keep its place for good.
        finish(() => reject(late));
        end.abort(late);
      });
      this.#enter(() => {
        if (state === 'over') return false;
        state = 'running';
        const began = this.#clock.monotonic();
        this.#counts.loads++;
        const done = (settle: () => void) => {
          this.#counts.loadMs += this.#clock.monotonic() - began;
          finish(settle);
        };
        promiseOf(() => invoke(end.signal)).then(
          value => done(() => resolve(value)),
          (error: unknown) => done(() => reject(error)),
        );
        return true;
      });
    });
  }

  #enter(start: () => boolean): void {
    // What is closed starts nothing: the deadline, which has come, tells who waits.
    if (this.#running >= this.#settings.maxLoads || this.#closed) this.#queue.push(start);
    else if (start()) this.#running++;
  }

  #leave(): void {
    this.#running--;
    while (this.#running < this.#settings.maxLoads && !this.#closed) {
      const start = this.#queue.shift();
      if (start === undefined) return;
      if (start()) this.#running++;
    }
  }

  #late(): SpillwayError {
    const { namespace, hardTimeoutMs } = this.#settings;
    return new SpillwayError(
      'SPILLWAY_CACHE_LOAD_TIMEOUT',
      `The loader of the cache namespace ${namespace} took longer than hardTimeout, ${hardTimeoutMs} ms, and there is no older value within grace to answer with`,
      { details: { namespace, hardTimeoutMs } },
    );
  }

  #misfit(expected: number, received: string): SpillwayError {
    const { namespace } = this.#settings;
    const range = 'a list with a value for each of its keys, in their order';
    return new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `Option loadMany of the cache namespace ${namespace} must return ${range}; received ${received} for ${expected} keys`,
      { details: { option: 'loadMany', namespace, range } },
    );
  }

  /** Ends all loads: who waits for one is told that the cache is closed. */
  close(): void {
    this.#closed = true;
    if (this.#flush !== undefined) this.#flushBatch();
    this.#deadlines.close();
  }
}

/** What `call` gives, also where it throws at once. */
async function promiseOf<T>(call: () => T | PromiseLike<T>): Promise<T> {
  return call();
}
