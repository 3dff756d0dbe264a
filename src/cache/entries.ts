import type { Core, SecondTier } from './core.ts';
import type { Codec } from './entry/codec.ts';
import type { KeySpace } from './entry/keys.ts';
import { type Kept, keep } from './entry/value.ts';
import type { HeardTags } from './heard-tags.ts';
import type { Change } from './journal/index.ts';
import { CHANGED, type MemoryEntry, type Owner } from './memory.ts';
import type { Found } from './redis/reader.ts';
import type { Settings } from './settings.ts';
import { firstVersion, type Tags, WHOLE } from './tags.ts';
import type { Trust } from './trust.ts';

/** When a value was made, how long it lasts, and what it depends on. */
export interface Terms {
  version: number;
  ttlMs: number;
  graceMs: number;
  tags: readonly string[];
}

/** A value loaded anew can be loaded again; one that somebody `set` must get to Redis or into the journal. */
export type Importance = 'may be lost' | 'must arrive';

export interface EntriesParts {
  core: Core;
  /** Undefined for a namespace that is only in memory. */
  tier: SecondTier | undefined;
  settings: Pick<Settings<never, never>, 'graceMs' | 'eagerRefresh' | 'memory'>;
  /** Whether a value that is lost can be loaded again. */
  reloadable: boolean;
  /** The cache's; for a namespace that is only in memory one of its own, which nothing shakes. */
  trust: Trust;
  /** Called when an entry of ours is known to be in Redis. */
  settled(entry: MemoryEntry): void;
  /** Called when Redis had under its name what is none of ours. */
  poisoned(reason: string): void;
  keys: KeySpace;
  tags: Tags;
  heard: HeardTags;
  codec: Codec;
  owner: Owner;
}

/** The entries of a namespace: into memory and on to Redis, and whether one in memory may be used. */
export class Entries {
  readonly #parts: EntriesParts;
  /** Tags of which Redis may have no version yet. */
  readonly #unensured = new Set<string>();

  constructor(parts: EntriesParts) {
    this.#parts = parts;
  }

  /** Whether it may be used without asking Redis. */
  isTrusted(entry: MemoryEntry): boolean {
    const { trust, tags } = this.#parts;
    if (entry.gen !== trust.gen) return false;
    if (entry.tagStamp === tags.stamp) return true;
    if (!tags.isValid(entry)) return false;
    entry.tagStamp = tags.stamp;
    return true;
  }

  isFresh(entry: MemoryEntry): boolean {
    return this.#parts.core.clock.monotonic() < entry.freshUntil;
  }

  isWithinGrace(entry: MemoryEntry): boolean {
    return this.#parts.core.clock.monotonic() < entry.staleUntil;
  }

  /** What may be served when neither Redis nor the loader answers: not what is known to have changed. */
  inNeed(held: MemoryEntry | undefined): MemoryEntry | undefined {
    return held !== undefined && held.gen !== CHANGED && this.#parts.settings.graceMs > 0 ? held : undefined;
  }

  /** What Redis has, as an entry of this process; kept in memory unless it is `outdated` already. */
  adopt(
    name: string,
    found: Found & { kind: 'same' | 'other' },
    held: MemoryEntry | undefined,
    outdated: boolean,
  ): MemoryEntry {
    if (found.kind === 'same') {
      if (!outdated) found.held.gen = found.gen;
      return found.held;
    }
    const { kept, gen } = found;
    // Redis may still have what this process has replaced meanwhile.
    const replaced = held?.unsettled === true && this.#parts.core.memory.peek(name) === held;
    const entry = this.#make(name, kept, found, gen, false);
    return outdated || replaced ? entry : this.#remember(entry, kept);
  }

  /**
   * Into memory, at once, and on to Redis. `overrules`: by how much the version that Redis has may be ahead and yet be the older
   * one, in microseconds.
   */
  async put(
    name: string,
    kept: Kept,
    terms: Terms,
    gen: number,
    importance: Importance,
    overrules = 0,
  ): Promise<void> {
    const { core, tier, settled, poisoned } = this.#parts;
    this.#assumeTags(terms.tags, terms.version);
    const entry = this.#remember(this.#make(name, kept, terms, gen, tier !== undefined), kept);
    if (tier === undefined) return;
    const change = await this.#putOf(name, kept, terms);
    this.#ensureTags(terms.tags);
    const renew = (held: number) => {
      if (held > terms.version + overrules) return undefined;
      entry.version = held + 1;
      return this.#putOf(name, kept, { ...terms, version: held + 1 });
    };
    const { writer } = tier;
    const outcome = await (importance === 'must arrive'
      ? writer.change(change, renew)
      : writer.populate(change));
    entry.unsettled = false;
    if (outcome === 'done' || outcome === 'replaced') settled(entry);
    if (outcome === 'replaced') poisoned('not a text');
    // Redis has something newer, so this is old.
    if (outcome === 'older' && core.memory.peek(name) === entry) core.memory.delete(name);
  }

  /** The change that puts a value into Redis; where it can't be written, that it takes away the old one. */
  async #putOf(name: string, kept: Kept, terms: Terms): Promise<Change> {
    const { codec, keys, reloadable } = this.#parts;
    const about = { name, base: keys.base, version: terms.version };
    try {
      const frame = await codec.encode(name, kept, terms);
      return { kind: 'put', ...about, frame, ms: Math.ceil(terms.ttlMs + terms.graceMs), reloadable };
    } catch {
      // More text than V8 can hold, say.
      return { kind: 'delete', ...about };
    }
  }

  /**
   * Whether a value may be used, and given back to Redis, when Redis cannot tell. One announcement of a change is no objection
   * to what this process stored itself: it is that of its own write.
   */
  isLastKnown(entry: MemoryEntry): boolean {
    const unchanged = entry.gen !== CHANGED || (entry.ours && entry.announced <= 1);
    return unchanged && this.isFresh(entry) && !this.#parts.tags.invalidated(entry);
  }

  restore(name: string, { value, version, freshUntil, staleUntil, tags }: MemoryEntry): void {
    const { core, trust } = this.#parts;
    const graceMs = staleUntil - freshUntil;
    const ttlMs = freshUntil - core.clock.monotonic() + this.#ageMs(version);
    void this.put(name, keep(value), { version, ttlMs, graceMs, tags }, trust.gen, 'must arrive');
  }

  /** As old as its version says; what comes from a clock that is ahead is as new as can be. */
  #ageMs(version: number): number {
    return Math.max(0, (this.#parts.core.versions.now() - version) / 1000);
  }

  #make(name: string, kept: Kept, terms: Terms, gen: number, ours: boolean): MemoryEntry {
    const { core, settings, owner } = this.#parts;
    const { version, ttlMs, graceMs, tags } = terms;
    const began = core.clock.monotonic() - this.#ageMs(version);
    const freshUntil = began + ttlMs;
    const { eagerRefresh } = settings;
    return {
      name,
      value: kept.value,
      version,
      freshUntil,
      staleUntil: freshUntil + graceMs,
      eagerAt: eagerRefresh === 1 ? Number.POSITIVE_INFINITY : began + ttlMs * eagerRefresh,
      tags,
      gen,
      tagStamp: -1,
      unsettled: ours,
      ours,
      announced: 0,
      usedAt: core.clock.monotonic(),
      owner,
      bytes: 0,
    };
  }

  #remember(entry: MemoryEntry, { bytes }: Kept): MemoryEntry {
    const { settings, core } = this.#parts;
    return settings.memory ? core.memory.set(entry, bytes) : entry;
  }

  /** As far as this process knows, tags it sees for the first time were not invalidated since. */
  #assumeTags(own: readonly string[], version: number): void {
    const { tags, trust, tier, reloadable } = this.#parts;
    if (tier === undefined) return;
    for (const tag of tags.unknown(own)) {
      tags.learn(tag, firstVersion(version, reloadable), trust.gen, tags.forgotten);
      this.#unensured.add(tag);
    }
  }

  /** Makes sure that Redis has a version of these tags, and learns of one that is newer. */
  #ensureTags(own: readonly string[]): void {
    const { tags, heard, trust, tier, keys, reloadable } = this.#parts;
    if (tier === undefined || !tier.link.usable) return;
    const { gen } = trust;
    const { forgotten } = tags;
    for (const tag of [WHOLE, ...own]) {
      if (!this.#unensured.delete(tag)) continue;
      const name = keys.tag(tag);
      const known = tags.versionOf(tag);
      // What can't be loaded again must not be lost with its tags.
      const version = reloadable ? Math.max(known, heard.floor(name)) : known;
      tier.writer.ensureTag(name, version).then(
        held => tags.learn(tag, held, gen, forgotten),
        () => {
          this.#unensured.add(tag);
          tags.forget(tag);
        },
      );
    }
  }
}
