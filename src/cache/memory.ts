import { LRUCache } from 'lru-cache';
import type { Counts } from './stats.ts';

/** The `gen` of an entry whose name was announced as changed: it must not be used unchecked, not even in need. */
export const CHANGED = -1;

/** A value in this process's memory. Times are those of the monotonic clock, in ms. */
export interface MemoryEntry {
  readonly value: unknown;
  readonly version: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly eagerAt: number;
  readonly tags: readonly string[];
  /** The generation of trust it was stored or checked in; one that is not the current one must be checked first. */
  gen: number;
  /** The state of the namespace's tags it was last found valid in. */
  tagStamp: number;
  /** Set by this process and not known to be in Redis yet: what Redis says meanwhile may be older. */
  unsettled: boolean;
  readonly owner: Owner;
  readonly bytes: number;
}

/** Whose an entry is: what a namespace knows of its own part. */
export interface Owner {
  items: number;
  bytes: number;
  readonly counts: Counts;
}

/**
 * What an entry takes besides its value and key: the entry's object with its numbers, and its places in lru-cache's lists and
 * map. Measured with a million entries, rounded up.
 */
const ENTRY_BYTES = 320;

/** The first tier: all namespaces in one list, the least recently used leaves first. */
export class Memory {
  readonly #entries: LRUCache<string, MemoryEntry>;
  readonly #maxItems: number;

  constructor(maxItems: number, maxBytes: number) {
    this.#maxItems = maxItems;
    // Without `max`: lru-cache would reserve the room for all items at once.
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: entry => entry.bytes,
      dispose: (entry, _key, reason) => {
        entry.owner.items--;
        entry.owner.bytes -= entry.bytes;
        if (reason === 'evict') entry.owner.counts.evictions++;
      },
    });
  }

  get(name: string): MemoryEntry | undefined {
    return this.#entries.get(name);
  }

  /** Without counting as a use. */
  peek(name: string): MemoryEntry | undefined {
    return this.#entries.peek(name);
  }

  set(name: string, entry: Omit<MemoryEntry, 'bytes'>, valueBytes: number): MemoryEntry {
    const bytes = ENTRY_BYTES + name.length * (/[\u0100-\uffff]/.test(name) ? 2 : 1) + valueBytes;
    const kept = { ...entry, bytes };
    // Counted first: what is too large for the whole memory is not kept, and not disposed of either.
    this.#entries.set(name, kept);
    if (this.#entries.peek(name) === kept) {
      kept.owner.items++;
      kept.owner.bytes += bytes;
    } else {
      kept.owner.counts.evictions++;
    }
    while (this.#entries.size > this.#maxItems) this.#entries.pop();
    return kept;
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  /** Forgets all entries of an owner. */
  deleteAll(owner: Owner): void {
    for (const [name, entry] of this.#entries.entries())
      if (entry.owner === owner) this.#entries.delete(name);
  }

  clear(): void {
    this.#entries.clear();
  }

  get items(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }
}
