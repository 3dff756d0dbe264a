import type { Core } from './core.ts';
import { Entries } from './entries.ts';
import { Codec } from './entry/codec.ts';
import { KeySpace } from './entry/keys.ts';
import { keep } from './entry/value.ts';
import { LEAD_US } from './entry/versions.ts';
import { HeardTags } from './heard-tags.ts';
import { Loading } from './loading.ts';
import { CHANGED, type Owner } from './memory.ts';
import { checkCall, checkKeys, checkTags, closedError, noLoader } from './namespace-checks.ts';
import { type Read, ReadPath } from './read-path.ts';
import { countKeys } from './redis/count-keys.ts';
import { RedisReader } from './redis/reader.ts';
import { type Settings, ttlInMs } from './settings.ts';
import { HitRates, type NamespaceStats, zeroCounts } from './stats.ts';
import { Tags, WHOLE } from './tags.ts';
import { Trust } from './trust.ts';
import type { CacheNamespace, GetOptions, SetOptions, WarmOptions, WarmReport } from './types.ts';
import { warm } from './warm.ts';

const NO_TAGS: readonly string[] = [];
const NO_OPTIONS: SetOptions = {};

/** A namespace of a cache: the way of a read through the tiers, and of a change out to all of them. */
export class Namespace<K, V> implements CacheNamespace<K, V> {
  readonly name: string;
  readonly keys: KeySpace;
  readonly #core: Core;
  readonly #settings: Settings<K, V>;
  readonly #counts = zeroCounts();
  readonly #owner: Owner;
  readonly #rates: HitRates;
  readonly #tags: Tags;
  readonly #heard: HeardTags;
  readonly #trust: Trust;
  readonly #reader: RedisReader | undefined;
  readonly #entries: Entries;
  readonly #loading: Loading<K, V>;
  readonly #path: ReadPath<K, V>;

  constructor(name: string, settings: Settings<K, V>, core: Core) {
    this.name = name;
    this.#core = core;
    this.#settings = settings;
    this.keys = new KeySpace(core.prefix, name, settings.schema, settings.key as never);
    this.#owner = { plain: this.keys.plain, byKey: new Map(), items: 0, bytes: 0, counts: this.#counts };
    this.#rates = new HitRates(this.#counts, core.clock);
    const tier = settings.redis ? core.redis : undefined;
    const trust = tier === undefined ? new Trust(core.clock) : core.trust;
    const tags = new Tags(trust, tier === undefined);
    const heard = new HeardTags(core.clock, core.versions, trust);
    const loading = new Loading({ namespace: name, ...settings }, this.#counts, core.clock);
    const codec = new Codec(settings.compressAbove, settings.encryption);
    const poisoned = (reason: string) => {
      this.#counts.poisoned++;
      core.emit('poisoned', { namespace: name, reason });
    };
    const shared = { keys: this.keys, tags, codec, poisoned };
    const counts = this.#counts;
    const reader = tier && new RedisReader({ ...shared, tier, trust, counts });
    const reloadable = loading.possible;
    this.#trust = trust;
    this.#reader = reader;
    this.#tags = tags;
    this.#heard = heard;
    this.#loading = loading;
    this.#entries = new Entries({
      ...shared,
      heard,
      settled: entry => this.#recheck(entry.name),
      core,
      trust,
      tier,
      settings,
      reloadable,
      owner: this.#owner,
    });
    const entries = this.#entries;
    this.#path = new ReadPath({
      ...{ namespace: name, core, trust, settings, counts, entries, loading, reader },
      keys: this.keys,
    });
  }

  async get(key: K, options?: GetOptions<K, V>): Promise<V> {
    const { memory, clock } = this.#core;
    if (options !== undefined) checkCall(this.name, 'get', options);
    const text = this.keys.text(key);
    const entry = this.#owner.byKey.get(text);
    if (entry !== undefined && this.#path.isOn(options?.load) && this.#entries.isTrusted(entry)) {
      const now = clock.monotonic();
      memory.used(entry, now);
      if (now < entry.freshUntil) {
        this.#counts.memoryHits++;
        if (now >= entry.eagerAt) this.#path.refresh(this.#read(text, key, options));
        return this.#give(entry.value as V);
      }
      if (now < entry.staleUntil) {
        return this.#give(await this.#path.serveStale(this.#read(text, key, options), entry));
      }
    }
    return this.#give(await this.#path.fetch(this.#read(text, key, options)));
  }

  #read(text: string, key: K, options: GetOptions<K, V> | undefined): Read<K, V> {
    const name = this.keys.named(text);
    const held = this.#path.isOn(options?.load) ? this.#core.memory.get(name) : undefined;
    return { name, key, once: options?.load, held };
  }

  async getMany(keys: readonly K[]): Promise<V[]> {
    checkKeys(this.name, keys);
    return Promise.all(keys.map(key => this.get(key)));
  }

  async inRedis(key: K): Promise<{ value: V | undefined } | undefined> {
    const name = this.keys.entry(key);
    if (this.#reader === undefined) return { value: undefined };
    const found = this.#core.closed ? undefined : await this.#reader.lookUp(name);
    if (found === undefined) return undefined;
    const entry = found.kind === 'other' ? this.#entries.adopt(name, found, undefined, true) : undefined;
    const isHit = entry !== undefined && this.#entries.isFresh(entry);
    if (isHit) this.#counts.redisHits++;
    else this.#counts.misses++;
    return { value: isHit ? (entry.value as V) : undefined };
  }

  async set(key: K, value: V, options: SetOptions = NO_OPTIONS): Promise<void> {
    if (this.#core.closed) throw closedError();
    if (options !== NO_OPTIONS) checkCall(this.name, 'set', options);
    const { ttl, tags, wait } = options;
    const name = this.keys.entry(key);
    const kept = keep(value);
    const ttlMs = ttl === undefined ? this.#settings.ttlMs(value, key) : ttlInMs(this.name, ttl);
    const own = checkTags(this.name, tags ?? this.#settings.tags?.(value, key) ?? NO_TAGS);
    const version = this.#core.versions.nextSet();
    this.#counts.sets++;
    this.#core.flights.outdate(name);
    this.#loading.forgetFailure(name);
    if (!this.#path.isOn(undefined)) {
      this.#core.memory.delete(name);
      await this.#change('delete', name, version);
      return;
    }
    const terms = { version, ttlMs, graceMs: this.#settings.graceMs, tags: own };
    // While nobody waits for it another process may hear of it, and rightly make a newer one, before it gets there.
    const overrules = wait ? Number.POSITIVE_INFINITY : LEAD_US;
    const written = this.#entries.put(name, kept, terms, this.#trust.gen, 'must arrive', overrules);
    if (wait) await written;
  }

  async delete(key: K): Promise<void> {
    if (this.#core.closed) throw closedError();
    const name = this.keys.entry(key);
    this.#counts.deletes++;
    this.#core.memory.delete(name);
    this.#core.flights.outdate(name);
    this.#loading.forgetFailure(name);
    await this.#change('delete', name, this.#core.versions.nextDeletion());
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
    const set = async ([key, value]: readonly [K, V]) => this.set(key, value, { wait: true });
    return warm(entries, set, this.#core.clock, options);
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

  /** An entry or a tag changed, as its name in Redis says. */
  changed(name: string): void {
    const entry = this.#core.memory.peek(name);
    const plainTag = this.keys.tag(WHOLE);
    if (entry !== undefined) {
      entry.gen = CHANGED;
      entry.announced++;
      this.#recheck(name);
    } else if (name.startsWith(`${this.keys.base}t:`)) {
      this.#heard.note(name);
      if (name.startsWith(plainTag)) this.#tags.forget(name.slice(plainTag.length));
      else this.#tags.forgetAll();
    }
  }

  /**
   * The first change that is announced of an entry of our own is mostly our own: that is checked now, while Redis can be asked,
   * so that the next read need not.
   */
  #recheck(name: string): void {
    const held = this.#core.memory.peek(name);
    if (held?.gen !== CHANGED || held.unsettled) return;
    if ((held.ours && held.announced === 1) || !this.#loading.possible) void this.#path.check(held);
  }

  /** What can be loaded again is to be. */
  forgetLoaded(): void {
    if (this.#loading.possible) this.#core.memory.deleteAll(this.#owner);
  }

  /** Versions mean nothing any more. */
  forgetVersions(): void {
    this.#tags.reset();
  }

  close(): void {
    this.#loading.close();
  }

  #give(value: V): V {
    return this.#settings.copy ? structuredClone(value) : value;
  }

  async #invalidate(tag: string): Promise<void> {
    const version = this.#core.versions.nextInvalidation();
    this.#tags.invalidate(tag, version);
    this.#core.flights.outdateAll(this.keys.base);
    await this.#change('tag', this.keys.tag(tag), version);
  }

  async #change(kind: 'delete' | 'tag', name: string, version: number): Promise<void> {
    if (this.#settings.redis)
      await this.#core.redis?.writer.change({ kind, name, base: this.keys.base, version });
  }
}
