import type { Core } from './core.ts';
import type { Entries } from './entries.ts';
import type { KeySpace } from './entry/keys.ts';
import { type Kept, keep } from './entry/value.ts';
import type { Flight } from './flights.ts';
import type { Loading } from './loading.ts';
import type { MemoryEntry } from './memory.ts';
import { checkTags, closedError } from './namespace-checks.ts';
import type { RedisReader } from './redis/reader.ts';
import type { Settings } from './settings.ts';
import type { Counts } from './stats.ts';
import type { Trust } from './trust.ts';
import type { GetOptions } from './types.ts';

/** A read that memory alone did not answer. */
export interface Read<K, V> {
  name: string;
  key: K;
  /** A loader for this read alone. */
  once: GetOptions<K, V>['load'];
  /** What memory has, to be checked or replaced. */
  held: MemoryEntry | undefined;
}

/** What a read brings: the value, and whether it was found rather than loaded. */
interface Landed<V> {
  value: V;
  hit: boolean;
}

export interface ReadPathParts<K, V> {
  namespace: string;
  core: Core;
  trust: Trust;
  settings: Settings<K, V>;
  counts: Counts;
  entries: Entries;
  keys: KeySpace;
  loading: Loading<K, V>;
  /** Undefined for a namespace that is only in memory. */
  reader: RedisReader | undefined;
}

const UNDEFINED: Kept = { value: undefined, bytes: 0, special: false };
/** More than this at a time are left to the next read. */
const MOST_CHECKS = 1_000;
const NO_TAGS: readonly string[] = [];

/** The way of a read once memory has no answer: one for all who wait for a name, through Redis to the loader. */
export class ReadPath<K, V> {
  readonly #parts: ReadPathParts<K, V>;
  #checks = 0;

  constructor(parts: ReadPathParts<K, V>) {
    this.#parts = parts;
  }

  /** Whether the tiers are asked. Off, each read is its loader's; where there is none, the tiers are all there is. */
  isOn(once: Read<K, V>['once']): boolean {
    const { core, loading } = this.#parts;
    return core.enabled || (once === undefined && !loading.possible);
  }

  /** The old value, or a new one that comes within the soft timeout. */
  async serveStale(read: Read<K, V>, entry: MemoryEntry): Promise<V> {
    const { counts, settings } = this.#parts;
    const refreshed = this.refresh(read);
    if (refreshed !== undefined && settings.softTimeoutMs > 0) {
      const landed = await within(settings.softTimeoutMs, refreshed);
      if (landed !== undefined) {
        counts.misses++;
        return landed.value;
      }
    }
    counts.memoryHits++;
    counts.staleServed++;
    return entry.value as V;
  }

  /** Loads a new value behind; not while the failure of the last load is remembered, nor where there is no loader. */
  refresh(read: Read<K, V>): Promise<Landed<V>> | undefined {
    const { core, loading, namespace } = this.#parts;
    const underWay = this.#underWay(read.name);
    if (underWay !== undefined) return underWay.promise;
    const cannot = core.closed || (read.once === undefined && !loading.possible);
    if (cannot || loading.failureOf(read.name) !== undefined) return undefined;
    const flight = core.flights.start<Landed<V>>(read.name, started => this.#find(read, started, 'newer'));
    flight.promise.catch((error: unknown) => core.emit('refresh-error', { namespace, error }));
    return flight.promise;
  }

  /** Asks Redis, behind the scenes, whether an entry is still what it has. */
  async check(held: MemoryEntry): Promise<void> {
    const { core, reader } = this.#parts;
    if (core.closed || reader === undefined || this.#checks >= MOST_CHECKS) return;
    const { announced } = held;
    this.#checks++;
    const found = await reader.read(held.name, held);
    this.#checks--;
    // Not when another change was announced meanwhile: what was read may be older.
    if (found?.kind === 'same' && held.announced === announced) held.gen = found.gen;
  }

  #underWay(name: string): Flight<Landed<V>> | undefined {
    return this.#parts.core.flights.get(name) as Flight<Landed<V>> | undefined;
  }

  /** The value, however long it takes. */
  async fetch(read: Read<K, V>): Promise<V> {
    const { value, hit } = await this.#join(read);
    const { counts } = this.#parts;
    if (hit) counts.redisHits++;
    else counts.misses++;
    return value;
  }

  #join(read: Read<K, V>): Promise<Landed<V>> {
    const { core } = this.#parts;
    if (core.closed) return Promise.reject(closedError());
    const flight =
      this.#underWay(read.name) ??
      core.flights.start<Landed<V>>(read.name, started => this.#find(read, started, 'any'));
    return flight.promise;
  }

  /** From Redis, else from the loader. `newer`: what is held will not do. */
  async #find(read: Read<K, V>, flight: Flight<Landed<V>>, wanted: 'any' | 'newer'): Promise<Landed<V>> {
    const { core, entries, reader, counts } = this.#parts;
    const found = this.isOn(read.once) ? await reader?.read(read.name, read.held) : undefined;
    if (core.closed) throw closedError();
    if (found === undefined || found.kind === 'none' || found.kind === 'gone') {
      return this.#beyondRedis(read, flight, found?.kind);
    }
    const entry = entries.adopt(read.name, found, read.held, flight.outdated);
    const landed = { value: entry.value as V, hit: true };
    if (entries.isFresh(entry) && !(wanted === 'newer' && found.kind === 'same')) return landed;
    if (wanted === 'newer' || !entries.isWithinGrace(entry)) return this.#load(read, entry, flight);
    // Once this flight has landed.
    setImmediate(() => this.refresh({ ...read, held: entry }));
    counts.staleServed++;
    return landed;
  }

  #beyondRedis(
    read: Read<K, V>,
    flight: Flight<Landed<V>>,
    redis: 'none' | 'gone' | undefined,
  ): Promise<Landed<V>> {
    const { entries, loading } = this.#parts;
    const { held } = read;
    if (read.once !== undefined || loading.possible) return this.#load(read, entries.inNeed(held), flight);
    return this.#lastResort(read, redis);
  }

  /** Without a loader, what was set is all there is: the journal may have it, or Redis may have lost it. */
  async #lastResort({ name, held }: Read<K, V>, redis: 'none' | 'gone' | undefined): Promise<Landed<V>> {
    const { entries, reader } = this.#parts;
    const journaled = await reader?.readJournal(name);
    if (journaled !== undefined) {
      const entry = entries.adopt(name, journaled, held, false);
      if (entries.isFresh(entry)) return { value: entry.value as V, hit: true };
    }
    if (held === undefined || redis === 'gone' || !entries.isLastKnown(held)) {
      return { value: undefined as V, hit: false };
    }
    if (redis === 'none') entries.restore(name, held);
    return { value: held.value as V, hit: true };
  }

  async #load(
    { name, key, once }: Read<K, V>,
    stale: MemoryEntry | undefined,
    flight: Flight<Landed<V>>,
  ): Promise<Landed<V>> {
    const { core, trust, entries, loading, counts } = this.#parts;
    let done: (() => void) | undefined;
    try {
      const failure = loading.failureOf(name);
      if (failure !== undefined) throw failure.error;
      const turn = this.isOn(once) ? await this.#turn(name, flight) : undefined;
      if (turn !== undefined && 'found' in turn) return turn.found;
      done = turn?.done;
      const version = core.versions.next();
      const { gen } = trust;
      const value = await loading.load(name, key, once);
      if (!this.isOn(once) || flight.outdated || core.closed) return { value, hit: false };
      const { kept, written } = this.#keep(name, key, value, version, gen);
      // The others look in Redis: it must be there when their turn comes.
      void written.finally(done);
      done = undefined;
      return { value: kept, hit: false };
    } catch (error) {
      if (stale === undefined || !entries.isWithinGrace(stale)) throw error;
      counts.staleServed++;
      return { value: stale.value as V, hit: true };
    } finally {
      done?.();
    }
  }

  /** With the option `lock`: this process's turn to load, or what another has loaded meanwhile. */
  async #turn(name: string, flight: Flight<Landed<V>>) {
    const { core, settings, reader, entries, keys } = this.#parts;
    if (!settings.lock || core.redis === undefined || reader === undefined) return undefined;
    return core.redis.lock.turn<Landed<V>>(keys.lock(name), settings.hardTimeoutMs, async () => {
      const found = await reader.read(name, undefined);
      if (found?.kind !== 'other') return undefined;
      const entry = entries.adopt(name, found, undefined, flight.outdated);
      return entries.isFresh(entry) ? { value: entry.value as V, hit: true } : undefined;
    });
  }

  /** The value as it is kept; as it came where it can't be: the caller asked for the value, not for a cache. */
  #keep(name: string, key: K, value: V, version: number, gen: number): { kept: V; written: Promise<void> } {
    const { core, settings, entries, counts, namespace } = this.#parts;
    const absent = value === undefined || value === null;
    const notKept = { kept: value, written: Promise.resolve() };
    if (absent && settings.nullTtlMs === 0) return notKept;
    try {
      const kept = value === undefined ? UNDEFINED : keep(value);
      const tags = checkTags(namespace, settings.tags?.(value, key) ?? NO_TAGS);
      const wholeMs = absent ? settings.nullTtlMs : settings.ttlMs(value, key);
      const ttlMs = Math.max(1, wholeMs * (1 - settings.jitter * core.random()));
      const terms = { version, ttlMs, graceMs: settings.graceMs, tags };
      return { kept: kept.value as V, written: entries.put(name, kept, terms, gen, 'may be lost') };
    } catch (error) {
      counts.uncacheable++;
      core.uncacheable(namespace, error);
      core.emit('refresh-error', { namespace, error });
      return notKept;
    }
  }
}

/** What comes within `ms`; undefined when nothing does, or it fails. */
function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(undefined), ms);
    const settle = (result: T | undefined) => {
      clearTimeout(timer);
      resolve(result);
    };
    work.then(settle, () => settle(undefined));
  });
}
