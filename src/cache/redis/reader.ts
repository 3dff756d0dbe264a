import { DeadlineError, type RedisClient } from '../../redis/index.ts';
import type { SecondTier } from '../core.ts';
import type { Codec } from '../entry/codec.ts';
import { decodeFrame, Flag, PoisonError } from '../entry/frame.ts';
import type { KeySpace } from '../entry/keys.ts';
import type { Kept } from '../entry/value.ts';
import type { MemoryEntry } from '../memory.ts';
import type { Counts } from '../stats.ts';
import type { Tags } from '../tags.ts';
import type { Trust } from '../trust.ts';

/** What Redis has of an entry: `none` nothing at all, `gone` that it is not valid any more, `same` what is in memory already. */
export type Found =
  | { kind: 'none' }
  | { kind: 'gone' }
  | { kind: 'same'; gen: number; held: MemoryEntry }
  | {
      kind: 'other';
      gen: number;
      kept: Kept;
      version: number;
      ttlMs: number;
      graceMs: number;
      tags: readonly string[];
    };

export interface ReaderParts {
  tier: SecondTier;
  keys: KeySpace;
  tags: Tags;
  trust: Trust;
  codec: Codec;
  counts: Counts;
  poisoned(reason: string): void;
}

/** Reads entries of a namespace from Redis. Whatever goes wrong is a miss, and counted. */
export class RedisReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** `held` is what memory has of it, to be checked. Undefined: Redis could not be asked, or did not answer in time. */
  async read(name: string, held: MemoryEntry | undefined): Promise<Found | undefined> {
    const { link, writer } = this.#parts.tier;
    if (link.state === 'connecting') await link.booted();
    // Of what this process changed and Redis does not have yet, Redis knows nothing worth asking for.
    if (!link.usable || writer.isBehind(name)) return undefined;
    try {
      // One deadline over both questions, if there are two.
      return await link.run(client => this.#read(client, name, held));
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  /**
   * What the journal has of it: set during an outage by this process or by another of the machine, and not in Redis yet.
   * Undefined while Redis has the newest.
   */
  async readJournal(name: string): Promise<(Found & { kind: 'other' }) | undefined> {
    const { tier, trust, codec } = this.#parts;
    if (tier.link.usable && !tier.writer.isBehind(name)) return undefined;
    const change = tier.journal.find(name);
    if (change?.kind !== 'put') return undefined;
    try {
      const { kept, version, ttlMs, graceMs, tags } = await codec.decode(name, change.frame);
      return kept && { kind: 'other', gen: trust.gen, kept, version, ttlMs, graceMs, tags };
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  async #read(client: RedisClient, name: string, held: MemoryEntry | undefined): Promise<Found | undefined> {
    const { tags, trust, codec } = this.#parts;
    const gen = trust.gen;
    const { forgotten } = tags;
    const wanted = tags.unknown(held?.tags ?? []);
    const [bytes, said] = await Promise.all([client.getBuffer(name), this.#ask(client, wanted)]);
    if (bytes === null) return { kind: 'none' };
    const frame = decodeFrame(bytes);
    if ((frame.flags & Flag.tombstone) !== 0) return { kind: 'gone' };
    const more = tags.unknown(frame.tags).filter(tag => !said.has(tag));
    for (const [tag, version] of await this.#ask(client, more)) said.set(tag, version);
    for (const [tag, version] of said) if (version !== undefined) tags.learn(tag, version, gen, forgotten);
    if (!tags.admits(frame.version, frame.tags, said)) return { kind: 'gone' };
    if (held !== undefined && (held.version === frame.version || held.unsettled))
      return { kind: 'same', gen, held };
    // Redis went back in time, or its newer entry was lost: neither can be believed.
    if (held !== undefined && held.version > frame.version) return { kind: 'gone' };
    const { kept, version, ttlMs, graceMs, tags: own } = await codec.decode(name, bytes);
    return kept && { kind: 'other', gen, kept, version, ttlMs, graceMs, tags: own };
  }

  /** The versions of tags; one by one, since on a cluster they lie on different nodes. They share a round trip. */
  async #ask(client: RedisClient, tags: readonly string[]): Promise<Map<string, number | undefined>> {
    const said = await Promise.all(tags.map(tag => client.get(this.#parts.keys.tag(tag))));
    return new Map(tags.map((tag, at) => [tag, versionIn(said[at])]));
  }

  #count(error: unknown): void {
    const { counts, poisoned } = this.#parts;
    if (error instanceof PoisonError) {
      counts.poisoned++;
      poisoned(error.message);
    } else if (error instanceof DeadlineError) counts.redisTimeouts++;
    else if (/^WRONGTYPE/.test((error as Error).message)) {
      counts.poisoned++;
      poisoned('not a text');
    } else counts.redisErrors++;
  }
}

/** Anyone may have written there. */
function versionIn(text: string | null | undefined): number | undefined {
  return typeof text === 'string' && /^\d{16}$/.test(text) ? Number(text) : undefined;
}
