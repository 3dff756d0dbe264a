import { LRUCache } from 'lru-cache';
import type { Counts } from './stats.ts';

/** The `gen` of an entry whose name was announced as changed: it must not be used unchecked, not even in need. */
export const CHANGED = -1;

/** A value in this process's memory. Times are those of the monotonic clock, in ms. */
export interface MemoryEntry {
  readonly name: string;
  readonly value: unknown;
  version: number;
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
  /** Stored by this process, not read from Redis. */
  readonly ours: boolean;
  /** How often its name was announced as changed since. */
  announced: number;
  /** When it was last put in front of the others. */
  usedAt: number;
  readonly owner: Owner;
  /** What it takes in memory; 0 before it is there. */
  bytes: number;
}

/** Whose an entry is: what a namespace knows of its own part. */
export interface Owner {
  /** What the names of its entries begin with; the rest is the key. */
  readonly plain: string;
  /** Its entries by key: no name has to be put together, and no long text hashed, to find one. */
  readonly byKey: Map<string, MemoryEntry>;
  items: number;
  bytes: number;
  readonly counts: Counts;
}

/**
 * What an entry takes besides its value and name: the entry's object with its numbers, and its places in lru-cache's lists and
 * in two maps. Measured with a million entries of which half were evicted, which leaves the maps with holes; rounded up.
 */
const ENTRY_BYTES = 540;
/** To put an entry in front of all others costs more than to find it: once in a while is enough to tell what is in use. */
const USED_EVERY_MS = 1_000;

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
      dispose: (entry, _name, reason) => {
        const { owner } = entry;
        owner.items--;
        owner.bytes -= entry.bytes;
        owner.byKey.delete(keyOf(entry));
        if (reason === 'evict') owner.counts.evictions++;
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

  /** It was found by its key. */
  used(entry: MemoryEntry, now: number): void {
    if (now - entry.usedAt < USED_EVERY_MS) return;
    entry.usedAt = now;
    this.#entries.get(entry.name);
  }

  set(entry: MemoryEntry, valueBytes: number): MemoryEntry {
    const { name, owner } = entry;
    entry.bytes = ENTRY_BYTES + name.length * (/[\u0100-\uffff]/.test(name) ? 2 : 1) + valueBytes;
    this.#entries.set(name, entry);
    // What is larger than all of memory was not taken.
    if (this.#entries.peek(name) === entry) {
      owner.items++;
      owner.bytes += entry.bytes;
      owner.byKey.set(keyOf(entry), entry);
    } else {
      owner.counts.evictions++;
    }
    while (this.#entries.size > this.#maxItems) this.#entries.pop();
    return entry;
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  /** Forgets all entries of an owner. */
  deleteAll({ byKey }: Owner): void {
    for (const { name } of [...byKey.values()]) this.#entries.delete(name);
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

/** For names with a hash in place of the key, the name itself, which is no key of another: it begins with the prefix. */
function keyOf({ name, owner }: MemoryEntry): string {
  return name.startsWith(owner.plain) ? name.slice(owner.plain.length) : name;
}
