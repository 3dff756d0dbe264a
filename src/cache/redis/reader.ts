import { DeadlineError } from '../../redis/index.ts';
import type { SecondTier } from '../core.ts';
import type { Codec } from '../entry/codec.ts';
import { type DecodedFrame, decodeFrame, Flag, PoisonError } from '../entry/frame.ts';
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
  /** Called for bytes that are none of ours; counts them. */
  poisoned(reason: string): void;
}

type Said = ReadonlyMap<string, number | undefined>;

/** A read under way. */
interface Asked {
  readonly name: string;
  readonly held: MemoryEntry | undefined;
  readonly began: number;
  /** How things stood when it was asked: what changed since is not in the answer. */
  readonly gen: number;
  readonly forgotten: number;
  /** What Redis said of tags. */
  said: Said;
}

const NO_TAGS: readonly string[] = [];
const NOTHING_SAID: Said = new Map();
const NOT_ASKED = Promise.resolve(undefined);

/** Reads entries of a namespace from Redis. Whatever goes wrong is a miss, and counted. */
export class RedisReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** `held` is what memory has of it, to be checked. Undefined: Redis could not be asked, or did not answer in time. */
  read(name: string, held: MemoryEntry | undefined): Promise<Found | undefined> {
    const { link } = this.#parts.tier;
    return link.state === 'connecting'
      ? link.booted().then(() => this.#read(name, held))
      : this.#read(name, held);
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
      const { frame, kept } = await codec.decode(name, change.frame);
      return kept && other(frame, kept, trust.gen);
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  /** As `read`, for who must tell apart what Redis does not have (bytes that are not ours included) and that it did not answer. */
  async lookUp(name: string): Promise<Found | undefined> {
    const { link } = this.#parts.tier;
    let strange = false;
    if (link.state === 'connecting') await link.booted();
    const found = await this.#read(name, undefined, error => {
      strange = isStrange(error);
    });
    return strange ? { kind: 'none' } : found;
  }

  #read(
    name: string,
    held: MemoryEntry | undefined,
    trouble?: (error: unknown) => void,
  ): Promise<Found | undefined> {
    const { tier, tags, trust } = this.#parts;
    // Of what this process changed and Redis does not have yet, Redis knows nothing worth asking for.
    if (!tier.link.usable || tier.writer.isBehind(name)) return NOT_ASKED;
    const wanted = tags.unknown(held?.tags ?? NO_TAGS);
    const asked: Asked = {
      ...{ name, held, gen: trust.gen, forgotten: tags.forgotten, began: tier.clock.monotonic() },
      said: NOTHING_SAID,
    };
    return new Promise(resolve => {
      const fail = (error: unknown) => {
        this.#count(error);
        trouble?.(error);
        resolve(undefined);
      };
      const answer = (values: readonly (Buffer | null)[], at: number) => {
        try {
          if (wanted.length > 0) asked.said = this.#heard(wanted, values, at + 1);
          const found = this.#look(asked, values[at] ?? null);
          if (found instanceof Promise) found.then(resolve, fail);
          else resolve(found);
        } catch (error) {
          fail(error);
        }
      };
      const names = wanted.length === 0 ? [name] : [name, ...wanted.map(tag => this.#parts.keys.tag(tag))];
      tier.questions.ask({ names, began: asked.began, answer, fail });
    });
  }

  #look(asked: Asked, bytes: Buffer | null): Found | Promise<Found> {
    if (bytes === null) return { kind: 'none' };
    const frame = decodeFrame(bytes);
    if ((frame.flags & Flag.tombstone) !== 0) return { kind: 'gone' };
    const more = this.#parts.tags.unknown(frame.tags).filter(tag => !asked.said.has(tag));
    if (more.length === 0) return this.#judge(asked, frame);
    return this.#askMore(asked, more).then(() => this.#judge(asked, frame));
  }

  /** About tags nobody knew of before the entry was seen. It was asked for when the deadline began: they are within it. */
  #askMore(asked: Asked, tags: readonly string[]): Promise<void> {
    const { tier, keys } = this.#parts;
    return new Promise((resolve, fail) => {
      tier.moreQuestions.ask({
        names: tags.map(tag => keys.tag(tag)),
        began: asked.began,
        answer: (values, at) => {
          asked.said = new Map([...asked.said, ...this.#heard(tags, values, at)]);
          resolve();
        },
        fail,
      });
    });
  }

  #judge({ name, held, gen, forgotten, said }: Asked, frame: DecodedFrame): Found | Promise<Found> {
    const { tags, codec } = this.#parts;
    for (const [tag, version] of said) if (version !== undefined) tags.learn(tag, version, gen, forgotten);
    if (!tags.admits(frame.version, frame.tags, said)) return { kind: 'gone' };
    if (held !== undefined && (held.version === frame.version || held.unsettled))
      return { kind: 'same', gen, held };
    // Redis went back in time, or its newer entry was lost: neither can be believed.
    if (held !== undefined && held.version > frame.version) return { kind: 'gone' };
    const kept = codec.open(name, frame);
    if (kept instanceof Promise) return kept.then(value => other(frame, value, gen));
    return kept === undefined ? { kind: 'gone' } : other(frame, kept, gen);
  }

  /** The versions of these tags, which begin at `values[from]`. */
  #heard(tags: readonly string[], values: readonly (Buffer | null)[], from: number): Said {
    const { versions } = this.#parts.tier;
    return new Map(
      tags.map((tag, at) => {
        const version = versionIn(values[from + at]?.toString('latin1'));
        return [tag, version !== undefined && versions.isPossible(version) ? version : undefined];
      }),
    );
  }

  #count(error: unknown): void {
    const { counts, poisoned } = this.#parts;
    if (error instanceof PoisonError) poisoned(error.message);
    else if (error instanceof DeadlineError) counts.redisTimeouts++;
    else if (isStrange(error)) poisoned('not a text');
    else counts.redisErrors++;
  }
}

/** Whether Redis has something there that is none of ours. */
function isStrange(error: unknown): boolean {
  // WRONGTYPE is said of a key alone, as on a cluster; MGET leaves it out, and who writes there finds it.
  return error instanceof PoisonError || /^WRONGTYPE/.test((error as Error).message);
}

function other(frame: DecodedFrame, kept: Kept, gen: number): Found & { kind: 'other' } {
  const { version, ttlMs, graceMs, tags } = frame;
  return { kind: 'other', gen, kept, version, ttlMs, graceMs, tags };
}

/** Anyone may have written there. */
function versionIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{16}$/.test(text) ? Number(text) : undefined;
}
