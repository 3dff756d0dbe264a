import type { MemoryEntry } from './memory.ts';
import type { Trust } from './trust.ts';

interface TagState {
  /** When all older values of this tag became invalid. */
  version: number;
  gen: number;
}

/** More tags than this are forgotten together: what is unknown is asked for again, and counts as stale until then. */
const MOST_TAGS = 200_000;

/** By so much a tag is older than the value it is first seen on. */
export const MARGIN_US = 10_000_000;

/**
 * What a tag gets that Redis has no version of: one somewhat older than the value it is first seen on, since others with the tag may
 * be loading, too. Values that cannot be loaded again must not be lost with a Redis that forgot its tags.
 */
export function firstVersion(valueVersion: number, reloadable: boolean): number {
  return reloadable ? valueVersion - MARGIN_US : 1;
}

/** The tag that is on every value of a namespace: to invalidate it is to clear the namespace. */
export const WHOLE = '';

const NONE: readonly string[] = [];

/**
 * What is known of the tags of a namespace. A value is valid when none of its tags was invalidated after the value's version.
 * A tag whose state is unknown makes a value stale, never valid.
 */
export class Tags {
  /** Moves on with every change of a state: an entry that was found valid at the same stamp still is. */
  stamp = 0;
  /** How many changes by others were announced so far. */
  forgotten = 0;
  readonly #states = new Map<string, TagState>();
  readonly #trust: Trust;
  /** Without a second tier this process knows all there is to know. */
  readonly #alone: boolean;
  /** Of a process that is alone and forgot its tags: no value older than this is valid. */
  #floor = 0;

  constructor(trust: Trust, alone: boolean) {
    this.#trust = trust;
    this.#alone = alone;
  }

  isValid(entry: Pick<MemoryEntry, 'version' | 'tags'>): boolean {
    return this.#isOlder(WHOLE, entry.version) && entry.tags.every(tag => this.#isOlder(tag, entry.version));
  }

  #isOlder(tag: string, version: number): boolean {
    const state = this.#states.get(tag);
    if (state === undefined) return this.#alone && version > this.#floor;
    return state.version <= version && (this.#alone || state.gen === this.#trust.gen);
  }

  /** The newest version known, sure or not. */
  versionOf(tag: string): number {
    return this.#states.get(tag)?.version ?? 1;
  }

  /** Which of these, and of the namespace as a whole, are to be asked for. */
  unknown(tags: readonly string[]): readonly string[] {
    if (this.#alone) return NONE;
    if (tags.length === 0) return this.#isSure(WHOLE) ? NONE : [WHOLE];
    return [WHOLE, ...tags].filter(tag => !this.#isSure(tag));
  }

  #isSure(tag: string): boolean {
    return this.#states.get(tag)?.gen === this.#trust.gen;
  }

  /** Whether one of its tags is known to have been invalidated after it. */
  invalidated({ version, tags }: Pick<MemoryEntry, 'version' | 'tags'>): boolean {
    return [WHOLE, ...tags].some(tag => (this.#states.get(tag)?.version ?? 0) > version);
  }

  /**
   * Whether a value of this version is valid by what Redis just said of the tags it was asked for (undefined: it has no such
   * tag), and by what is known of the others.
   */
  admits(version: number, tags: readonly string[], said: ReadonlyMap<string, number | undefined>): boolean {
    return [WHOLE, ...tags].every(tag => {
      const known = this.#states.get(tag);
      const current = said.has(tag)
        ? said.get(tag)
        : known?.gen === this.#trust.gen
          ? known.version
          : undefined;
      // What this process invalidated itself may not have got there yet.
      return current !== undefined && Math.max(current, known?.version ?? 0) <= version;
    });
  }

  /** What Redis said when trust was at `gen` and `forgotten` was so many. */
  learn(tag: string, version: number, gen: number, forgotten: number): void {
    const known = this.#states.get(tag);
    const newest = Math.max(version, known?.version ?? 0);
    // A change that was announced meanwhile may be newer still: then it is to be asked for again.
    const sure = this.forgotten === forgotten ? gen : Number.NaN;
    if (known?.version !== newest || known.gen !== sure) this.#put(tag, { version: newest, gen: sure });
  }

  /** Invalidated by this process. */
  invalidate(tag: string, version: number): void {
    this.#put(tag, { version, gen: this.#trust.gen });
  }

  /** Changed by someone: its version is unknown, but not older than what was known. */
  forget(tag: string): void {
    this.forgotten++;
    const known = this.#states.get(tag);
    if (known !== undefined) this.#put(tag, { version: known.version, gen: Number.NaN });
  }

  /** One of them changed, and its name does not tell which. */
  forgetAll(): void {
    for (const tag of [...this.#states.keys()]) this.forget(tag);
  }

  /** Versions mean nothing any more. */
  reset(): void {
    this.forgotten++;
    this.stamp++;
    this.#states.clear();
  }

  #put(tag: string, state: TagState): void {
    if (this.#states.size >= MOST_TAGS && !this.#states.has(tag)) {
      for (const each of this.#states.values()) this.#floor = Math.max(this.#floor, each.version);
      this.#states.clear();
    }
    this.#states.set(tag, state);
    this.stamp++;
  }
}
