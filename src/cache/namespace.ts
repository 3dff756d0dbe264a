import { Codec } from './codec.ts';
import type { Core } from './core.ts';
import { countKeys } from './count-keys.ts';
import { Entries } from './entries.ts';
import type { Flight } from './flights.ts';
import { KeySpace } from './keys.ts';
import { Loading } from './loading.ts';
import type { MemoryEntry, Owner } from './memory.ts';
import { checkTags, closedError, noLoader } from './namespace-checks.ts';
import { RedisReader } from './redis-reader.ts';
import { type Settings, ttlInMs } from './settings.ts';
import { HitRates, type NamespaceStats, zeroCounts } from './stats.ts';
import { Tags, WHOLE } from './tags.ts';
import type { CacheNamespace, GetOptions, SetOptions, WarmOptions, WarmReport } from './types.ts';
import { type Kept, keep } from './value.ts';
import { warm } from './warm.ts';

/** What a flight brings: the value, and whether it was found rather than loaded. */
interface Landed<V> {
  value: V;
  hit: boolean;
}

const NONE: Kept = { value: undefined, bytes: 0, special: false };
const NO_TAGS: readonly string[] = [];

/** A namespace of a cache: the way of a read through the tiers, and of a change out to all of them. */
export class Namespace<K, V> implements CacheNamespace<K, V> {
  readonly name: string;
  readonly keys: KeySpace;
  readonly #core: Core;
  readonly #settings: Settings<K, V>;
  readonly #counts = zeroCounts();
  readonly #owner: Owner = { items: 0, bytes: 0, counts: this.#counts };
  readonly #rates: HitRates;
  readonly #tags: Tags;
  readonly #entries: Entries;
  readonly #loading: Loading<K, V>;
  readonly #reader: RedisReader | undefined;

  constructor(name: string, settings: Settings<K, V>, core: Core) {
    this.name = name;
    this.#core = core;
    this.#settings = settings;
    this.keys = new KeySpace(core.prefix, name, settings.schema, settings.key as never);
    this.#rates = new HitRates(this.#counts, core.clock);
    const tier = settings.redis ? core.redis : undefined;
    this.#tags = new Tags(core.trust, tier === undefined);
    const codec = new Codec(settings.compressAbove, settings.encryption);
    this.#loading = new Loading({ namespace: name, ...settings }, this.#counts, core.clock);
    const poisoned = (reason: string) => core.emit('poisoned', { namespace: name, reason });
    const { keys } = this;
    const tags = this.#tags;
    this.#entries = new Entries({ core, tier, settings, keys, tags, codec, owner: this.#owner });
    this.#reader =
      tier &&
      new RedisReader({
        tier,
        keys,
        tags,
        trust: core.trust,
        codec,
        counts: this.#counts,
        poisoned,
      });
  }

  async get(key: K, options?: GetOptions<K, V>): Promise<V> {
    const name = this.keys.entry(key);
    if (!this.#core.enabled) return this.#give((await this.#join(name, key, options, undefined)).value);
    const entry = this.#core.memory.get(name);
    if (entry === undefined || !this.#entries.isTrusted(entry)) return this.#fetch(name, key, options, entry);
    const now = this.#core.clock.monotonic();
    if (now < entry.freshUntil) {
      this.#counts.memoryHits++;
      if (now >= entry.eagerAt) this.#refresh(name, key, options, entry);
      return this.#give(entry.value as V);
    }
    if (now < entry.staleUntil) return this.#serveStale(name, key, options, entry);
    return this.#fetch(name, key, options, undefined);
  }

  getMany(keys: readonly K[]): Promise<V[]> {
    return Promise.all(keys.map(key => this.get(key)));
  }

  async set(key: K, value: V, { ttl, tags, wait }: SetOptions = {}): Promise<void> {
    if (this.#core.closed) throw closedError();
    const name = this.keys.entry(key);
    const kept = keep(value);
    const ttlMs = ttl === undefined ? this.#settings.ttlMs(value, key) : ttlInMs(this.name, ttl);
    const own = checkTags(this.name, tags ?? this.#settings.tags?.(value, key) ?? NO_TAGS);
    const version = this.#core.versions.next();
    this.#counts.sets++;
    this.#core.flights.outdate(name);
    this.#loading.forgetFailure(name);
    if (!this.#core.enabled) {
      await this.#change({ kind: 'delete', name, version });
      return;
    }
    const terms = { version, ttlMs, graceMs: this.#settings.graceMs, tags: own };
    const written = this.#entries.put(name, kept, terms, this.#core.trust.gen, 'must arrive');
    if (wait) await written;
  }

  async delete(key: K): Promise<void> {
    if (this.#core.closed) throw closedError();
    const name = this.keys.entry(key);
    this.#counts.deletes++;
    this.#core.memory.delete(name);
    this.#core.flights.outdate(name);
    this.#loading.forgetFailure(name);
    await this.#change({ kind: 'delete', name, version: this.#core.versions.next() });
  }

  async invalidateTag(tag: string): Promise<void> {
    if (this.#core.closed) throw closedError();
    checkTags(this.name, [tag]);
    this.#counts.tagInvalidations++;
    await this.#invalidate(tag);
  }

  async clear(): Promise<void> {
    if (this.#core.closed) throw closedError();
    this.#counts.clears++;
    this.#core.memory.deleteAll(this.#owner);
    await this.#invalidate(WHOLE);
  }

  warm(keys: Iterable<K> | AsyncIterable<K>, options?: WarmOptions): Promise<WarmReport> {
    if (!this.#loading.possible) return Promise.reject(noLoader(this.name, 'warm'));
    return warm(keys, key => this.get(key), this.#core.clock, options);
  }

  warmWith(
    entries: Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]>,
    options?: WarmOptions,
  ): Promise<WarmReport> {
    return warm(entries, ([key, value]) => this.set(key, value, { wait: true }), this.#core.clock, options);
  }

  stats(): NamespaceStats {
    const { items, bytes } = this.#owner;
    const rates = this.#rates;
    return {
      name: this.name,
      ...this.#counts,
      items,
      bytes,
      hitRate: { minutes1: rates.over(1), minutes10: rates.over(10), minutes60: rates.over(60) },
    };
  }

  /** Once a minute. */
  noteRates(): void {
    this.#rates.note();
  }

  async countKeys(): Promise<{ memory: number; redis: number | undefined }> {
    return { memory: this.#owner.items, redis: await countKeys(this.#core.redis, `${this.keys.base}k:`) };
  }

  /** A tag changed, as its name in Redis says. */
  tagChanged(name: string): void {
    const plain = this.keys.tag(WHOLE);
    if (name.startsWith(plain)) this.#tags.forget(name.slice(plain.length));
    else this.#tags.forgetAll();
  }

  close(): void {
    this.#loading.close();
  }

  #give(value: V): V {
    return this.#settings.copy ? structuredClone(value) : value;
  }

  async #fetch(
    name: string,
    key: K,
    options: GetOptions<K, V> | undefined,
    held: MemoryEntry | undefined,
  ): Promise<V> {
    const { value, hit } = await this.#join(name, key, options, held);
    if (hit) this.#counts.redisHits++;
    else this.#counts.misses++;
    return this.#give(value);
  }

  /** The read of this name that is under way, or a new one. */
  #join(
    name: string,
    key: K,
    options: GetOptions<K, V> | undefined,
    held: MemoryEntry | undefined,
  ): Promise<Landed<V>> {
    if (this.#core.closed) return Promise.reject(closedError());
    const underWay = this.#core.flights.get(name) as Flight<Landed<V>> | undefined;
    if (underWay !== undefined) return underWay.promise;
    return this.#core.flights.start<Landed<V>>(name, flight => this.#find(name, key, options, held, flight))
      .promise;
  }

  async #serveStale(
    name: string,
    key: K,
    options: GetOptions<K, V> | undefined,
    entry: MemoryEntry,
  ): Promise<V> {
    const refreshed = this.#refresh(name, key, options, entry);
    if (refreshed !== undefined && this.#settings.softTimeoutMs > 0) {
      const landed = await this.#softly(refreshed);
      if (landed !== undefined) {
        this.#counts.misses++;
        return this.#give(landed.value);
      }
    }
    this.#counts.memoryHits++;
    this.#counts.staleServed++;
    return this.#give(entry.value as V);
  }

  /** What lands within the soft timeout; undefined when nothing does, or the load fails. */
  #softly(refreshed: Promise<Landed<V>>): Promise<Landed<V> | undefined> {
    return new Promise(resolve => {
      const timer = setTimeout(() => resolve(undefined), this.#settings.softTimeoutMs);
      const settle = (landed: Landed<V> | undefined) => {
        clearTimeout(timer);
        resolve(landed);
      };
      refreshed.then(settle, () => settle(undefined));
    });
  }

  /** Loads a new value behind; not while the failure of the last load is remembered. */
  #refresh(
    name: string,
    key: K,
    options: GetOptions<K, V> | undefined,
    entry: MemoryEntry,
  ): Promise<Landed<V>> | undefined {
    const { flights } = this.#core;
    const underWay = flights.get(name) as Flight<Landed<V>> | undefined;
    if (underWay !== undefined) return underWay.promise;
    if (this.#core.closed || this.#loading.failureOf(name) !== undefined) return undefined;
    if (options?.load === undefined && !this.#loading.possible) return undefined;
    const flight = flights.start<Landed<V>>(name, started =>
      this.#find(name, key, options, entry, started, true),
    );
    flight.promise.catch((error: unknown) =>
      this.#core.emit('refresh-error', { namespace: this.name, error }),
    );
    return flight.promise;
  }

  /** From Redis, else from the loader. `refreshing`: what is held is known and old, only something newer will do. */
  async #find(
    name: string,
    key: K,
    options: GetOptions<K, V> | undefined,
    held: MemoryEntry | undefined,
    flight: Flight<Landed<V>>,
    refreshing = false,
  ): Promise<Landed<V>> {
    const found = this.#core.enabled ? await this.#reader?.read(name, held) : undefined;
    if (found === undefined) return this.#load(name, key, options, this.#entries.inNeed(held), flight);
    const entry = this.#entries.adopt(name, found, held, flight.outdated);
    if (this.#entries.isFresh(entry) && !(refreshing && found.kind === 'same'))
      return { value: entry.value as V, hit: true };
    if (refreshing || !this.#entries.isWithinGrace(entry))
      return this.#load(name, key, options, entry, flight);
    setImmediate(() => this.#refresh(name, key, options, entry));
    this.#counts.staleServed++;
    return { value: entry.value as V, hit: true };
  }

  async #load(
    name: string,
    key: K,
    options: GetOptions<K, V> | undefined,
    stale: MemoryEntry | undefined,
    flight: Flight<Landed<V>>,
  ): Promise<Landed<V>> {
    if (options?.load === undefined && !this.#loading.possible) return { value: undefined as V, hit: false };
    const version = this.#core.versions.next();
    const { gen } = this.#core.trust;
    try {
      const failure = this.#loading.failureOf(name);
      if (failure !== undefined) throw failure.error;
      const value = await this.#loading.load(name, key, options?.load);
      return {
        value:
          flight.outdated || !this.#core.enabled ? value : this.#keepLoaded(name, key, value, version, gen),
        hit: false,
      };
    } catch (error) {
      if (stale === undefined || !this.#entries.isWithinGrace(stale)) throw error;
      this.#counts.staleServed++;
      return { value: stale.value as V, hit: true };
    }
  }

  /** The value as it is kept; as it came where it can't be: the caller asked for the value, not for a cache. */
  #keepLoaded(name: string, key: K, value: V, version: number, gen: number): V {
    const absent = value === undefined || value === null;
    const { nullTtlMs, graceMs } = this.#settings;
    if (absent && nullTtlMs === 0) return value;
    let kept: Kept;
    let tags: readonly string[];
    let ttlMs: number;
    try {
      kept = value === undefined ? NONE : keep(value);
      tags = absent ? NO_TAGS : checkTags(this.name, this.#settings.tags?.(value, key) ?? NO_TAGS);
      ttlMs = this.#jittered(absent ? nullTtlMs : this.#settings.ttlMs(value, key));
    } catch (error) {
      this.#counts.uncacheable++;
      this.#core.emit('refresh-error', { namespace: this.name, error });
      return value;
    }
    void this.#entries.put(name, kept, { version, ttlMs, graceMs, tags }, gen, 'may be lost');
    return kept.value as V;
  }

  async #invalidate(tag: string): Promise<void> {
    const version = this.#core.versions.next();
    this.#tags.invalidate(tag, version);
    this.#core.flights.outdateAll(this.keys.base);
    await this.#change({ kind: 'tag', name: this.keys.tag(tag), version });
  }

  async #change(change: { kind: 'delete' | 'tag'; name: string; version: number }): Promise<void> {
    if (this.#settings.redis) await this.#core.redis?.writer.change(change);
  }

  #jittered(ttlMs: number): number {
    return Math.max(1, ttlMs * (1 - this.#settings.jitter * this.#core.random()));
  }
}
