import type { RedisTarget } from '../redis/index.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { CacheEvents, CacheStats, NamespaceStats } from './stats.ts';

/** A span of time: milliseconds, or a whole number with a unit: '500ms', '30s', '10m', '2h', '7d'. */
export type Duration = number | string;

/** What names a value without further ado; anything else needs the option `key`. 7 and '7' are the same key. */
export type SimpleKey = string | number;

export interface MemoryOptions {
  /** At most so many values in memory, over all namespaces. 1 to 100000000, default 1000000. */
  maxItems?: number;
  /** At most so many bytes of memory, over all namespaces, what each entry costs itself counted. Default 256 MiB. */
  maxBytes?: number;
}

/** Keys of AES-256-GCM, by name: new values are made with `current`, values of all the others can still be read. */
export interface KeyRing {
  /** Name of the key to encrypt with; 1 to 32 bytes. */
  current: string;
  /** 32 bytes each: a Uint8Array, or a text in base64. */
  keys: Readonly<Record<string, Uint8Array | string>>;
}

export interface CacheOptions {
  /** Where the second tier is: a Redis URL, or options. Default: no second tier. */
  redis?: string | RedisTarget;
  /** What all keys in Redis begin with. 1 to 100 characters, default `spillway`. */
  prefix?: string;
  memory?: MemoryOptions;
  /**
   * How long anything waits for Redis at most. Milliseconds, 1 to 10000, default 50. After three times in a row Redis is not
   * asked any more until a probe behind the scenes finds it well.
   */
  redisTimeoutMs?: number;
  /**
   * Path of the recovery journal, a small SQLite file that the processes of a machine share: what was changed while Redis
   * was away, done to Redis when it is back, by whoever comes first. Default: kept in memory, and lost with the process.
   */
  journal?: string;
  /** False: every `get` goes to the loader, as with the switch `cache` off. Default true. */
  enabled?: boolean;
  /** Default: nothing is logged. One line for each change of state, never one for each call. */
  logger?: Logger;
  /** Injected in tests. */
  clock?: Clock;
  /** A fraction, 0 <= x < 1; injected in tests. */
  random?: () => number;
}

/** What a loader is told besides the key. */
export interface LoadContext {
  /** Aborted when the load has taken `hardTimeout`: its result is not waited for any more. */
  readonly signal: AbortSignal;
}

/** Settings of a namespace. Every span is a `Duration`. */
export interface NamespaceOptions<K, V> {
  /** How long a value is fresh; a function decides for each value. Above 0, at most 365 days. */
  ttl: Duration | ((value: V, key: K) => Duration);
  /** The database of record. What it returns is kept as a frozen copy; undefined and null mean "there is none". */
  load?: (key: K, context: LoadContext) => V | PromiseLike<V>;
  /** Instead of `load`: all keys that were missed in the same turn, up to `batchSize`; answers in the order of the keys. */
  loadMany?: (keys: readonly K[], context: LoadContext) => PromiseLike<readonly V[]> | readonly V[];
  /** Keys a call of `loadMany` gets at most. 1 to 10000, default 100. */
  batchSize?: number;
  /** The key as a text, for keys that are neither texts nor numbers. Two keys with the same text are the same key. */
  key?: (key: K) => string;
  /** Tags of a value: `invalidateTag` takes all values of a tag at once. At most 100, each 1 to 512 characters. */
  tags?: (value: V, key: K) => readonly string[];
  /**
   * How long after its `ttl` a value may still be served: at once while a new one is loaded behind, and when the loader
   * fails. Never after a `delete`, `invalidateTag` or `clear` that this process knows of. Default 0.
   */
  grace?: Duration;
  /** With a value in `grace`: how long a read waits for a new one before it is answered with the old. Default 0. */
  softTimeout?: Duration;
  /** How long a load may take, waiting for its turn included, then SPILLWAY_CACHE_LOAD_TIMEOUT. Default 10 s. */
  hardTimeout?: Duration;
  /** Share of `ttl` after which a read loads a new value behind, though the old one is fresh. 0 to 1, default 1: never. */
  eagerRefresh?: number;
  /** A value's `ttl` is shortened by up to this share at random, so that not all end at once. 0 to 0.5, default 0.1. */
  jitter?: number;
  /** How long "there is none" is kept. 0: not at all. Default 30 s, or `ttl` where that is a shorter span. */
  nullTtl?: Duration;
  /** How long the failure of a load is the answer to further reads of its key, without a new load. Default 1 s. */
  errorTtl?: Duration;
  /** Loads of this namespace at a time; the others wait. 1 to 100000, default 100. */
  maxLoads?: number;
  /** One load over all processes: the others wait for its value, `hardTimeout` at most. Default false. */
  lock?: boolean;
  /** Compress values in Redis that are larger than so many bytes. Default: none. */
  compressAbove?: number;
  /** Encrypt values in Redis and in the journal. Default: they are readable. */
  encryption?: KeyRing;
  /** Part of every key: raise it when the shape of the values changes, and old ones are not found. Default 1. */
  schema?: number;
  /** False: not in this process's memory. Default true. */
  memory?: boolean;
  /** False: not in Redis. Default true. */
  redis?: boolean;
  /** True: each read gets a copy of its own, that may be changed. Default false: the frozen value itself. */
  copy?: boolean;
}

/** Settings with a loader: then a `get` always has an answer. */
export type LoadingOptions<K, V> = NamespaceOptions<K, V> &
  (
    | { load: NonNullable<NamespaceOptions<K, V>['load']> }
    | { loadMany: NonNullable<NamespaceOptions<K, V>['loadMany']> }
  );

export interface GetOptions<K, V> {
  /** Loads this once instead of the namespace's loader, for loads that need more than the key. Not with `loadMany`. */
  load?: (key: K, context: LoadContext) => V | PromiseLike<V>;
}

export interface SetOptions {
  /** Default: the namespace's. */
  ttl?: Duration;
  /** Default: what the namespace's `tags` says. */
  tags?: readonly string[];
  /** True: resolve when it is in Redis or, with Redis away, in the journal. Default: at once, the rest goes on behind. */
  wait?: boolean;
}

export interface WarmProgress {
  done: number;
  /** Undefined where the source does not say how many there are. */
  total: number | undefined;
  failed: number;
}

export interface WarmOptions {
  /** Called now and then, at most ten times a second, and at the end. */
  onProgress?: (progress: WarmProgress) => void;
  /** Loads at a time, 1 to 1000. Default 50. */
  concurrency?: number;
}

export interface WarmReport extends WarmProgress {
  ms: number;
}

/**
 * The values of one kind. `R` is what a read gives: `V`, or `V | undefined` where there is no loader.
 *
 * No call fails or waits because of Redis: a read waits `redisTimeoutMs` at most and then asks the loader.
 */
export interface CacheNamespace<K, V, R = V> {
  readonly name: string;
  /**
   * The value: from memory, Redis or the loader. By reference, frozen, unless `copy` is set.
   * Rejects with what the loader threw; SPILLWAY_CACHE_LOAD_TIMEOUT; SPILLWAY_CLOSED; SPILLWAY_INVALID_OPTION for a key
   * that is none.
   */
  get(key: K, options?: GetOptions<K, V>): Promise<R>;
  /** Values in the order of the keys; misses go to `loadMany` together. Rejects as `get` does for any of them. */
  getMany(keys: readonly K[]): Promise<R[]>;
  /**
   * Keeps a value. In memory at once; it is in Redis, or in the journal, soon after.
   * Throws SPILLWAY_CACHE_VALUE, naming the place, for what JSON cannot carry: functions, symbols, BigInt, NaN, Map, Set,
   * binary, cycles, `undefined`. Dates are kept as dates.
   */
  set(key: K, value: V, options?: SetOptions): Promise<void>;
  /** Forgets a value, everywhere. Resolves when Redis has done so or, with Redis away, when it is in the journal. */
  delete(key: K): Promise<void>;
  /** Forgets all values with this tag, everywhere; resolves as `delete` does. */
  invalidateTag(tag: string): Promise<void>;
  /** Forgets all values of this namespace, everywhere; resolves as `delete` does. */
  clear(): Promise<void>;
  /**
   * Reads these keys, so that they are in memory and in Redis. What cannot be loaded is counted, not thrown.
   * With `[key, value]` pairs (`warmWith`) nothing is loaded.
   */
  warm(keys: Iterable<K> | AsyncIterable<K>, options?: WarmOptions): Promise<WarmReport>;
  /** As `warm`, with values that are there already: a query of the whole table, say. */
  warmWith(
    entries: Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]>,
    options?: WarmOptions,
  ): Promise<WarmReport>;
  stats(): NamespaceStats;
  /** Keys of this namespace: in memory, and in Redis counted by SCAN (undefined while Redis is away). */
  countKeys(): Promise<{ memory: number; redis: number | undefined }>;
  /**
   * What Redis has, past memory and journal; undefined where it did not answer. Without Redis there is nothing in it.
   *
   * @internal For sessions: `get` cannot tell what is not there from what nobody could say.
   */
  inRedis(key: K): Promise<{ value: V | undefined } | undefined>;
}

export interface Cache {
  /**
   * The namespace of this name. Opening it twice with the same settings gives the same one; with others it is
   * SPILLWAY_CACHE_NAMESPACE. Names: 1 to 100 characters of letters, digits, `.`, `_`, `-`.
   */
  namespace<K, V>(name: string, options: LoadingOptions<K, V>): CacheNamespace<K, V>;
  namespace<K, V>(name: string, options: NamespaceOptions<K, V>): CacheNamespace<K, V, V | undefined>;
  /** The one that was opened under this name. */
  find(name: string): CacheNamespace<unknown, unknown> | undefined;
  /** Resolves with whether Redis can be used, at most `ms` (default 1000) after the call. Nothing needs to wait for it. */
  ready(ms?: number): Promise<boolean>;
  stats(): CacheStats;
  /** Whether a namespace was opened: before that nothing is connected. */
  readonly used: boolean;
  /** Whether it is on: see `setEnabled`. */
  readonly enabled: boolean;
  /**
   * Off: every `get` goes to the loader, changes still reach Redis. On again: what is in memory is checked before use.
   * Throws SPILLWAY_INVALID_OPTION.
   */
  setEnabled(enabled: boolean): void;
  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this;
  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this;
  /** Writes out what is on its way, waiting `redisTimeoutMs` at most, and closes everything. Never rejects. */
  close(): Promise<void>;
}
