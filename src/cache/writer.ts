import type { Change } from './changes.ts';
import { encodeFrame, Flag } from './frame.ts';
import type { Journal } from './journal.ts';
import type { RedisLink } from './link.ts';
import { versionText } from './versions.ts';

/** More writes than this under way at a time: values are not written, changes go to the journal. */
const MOST_UNDER_WAY = 10_000;
/**
 * How long Redis remembers that a value was deleted: longer than a load may take and than a write may be on its way, so
 * that neither brings the value back.
 */
const TOMBSTONE_MS = 3_600_000;
/** Tags outlive every value that has them. */
const TAG_MS = 400 * 86_400_000;
const REPLAYED_AT_A_TIME = 200;

/** `older`: Redis has something newer. `dropped`: not done, or not known to be. */
export type Outcome = 'done' | 'older' | 'journaled' | 'dropped';

/** Writes to Redis, off everybody's path. A write that got no answer may still be done: versions make that harmless. */
export class Writer {
  readonly #link: RedisLink;
  readonly #journal: Journal;
  readonly #names = new Map<string, number>();
  readonly #pending = new Set<Promise<number>>();

  constructor(link: RedisLink, journal: Journal) {
    this.#link = link;
    this.#journal = journal;
  }

  /** A loaded value: nothing is lost when it does not get there. */
  async populate(change: Change & { kind: 'put' }): Promise<Outcome> {
    if (!this.#link.usable || this.#pending.size >= MOST_UNDER_WAY) return 'dropped';
    return this.#apply(change).catch(() => 'dropped');
  }

  /** A change somebody asked for: resolves when it is in Redis or in the journal. */
  async change(change: Change): Promise<Outcome> {
    if (this.#link.usable && this.#pending.size < MOST_UNDER_WAY) {
      const { name, version } = change;
      this.#names.set(name, version);
      try {
        return await this.#apply(change);
      } catch {
        // Its outcome is unknown, or Redis refused it.
      } finally {
        if (this.#names.get(name) === version) this.#names.delete(name);
      }
    }
    this.#journal.record(change);
    return 'journaled';
  }

  /** Whether a change of this name is on its way. */
  isUnderWay(name: string): boolean {
    return this.#names.has(name);
  }

  /** Resolves when nothing is under way any more; each has its deadline. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** The version a tag has in Redis, given `version` where it had none. */
  async ensureTag(name: string, version: number): Promise<number> {
    return Number(
      await this.#link.run(client => client.spillwayCacheTag(name, versionText(version), TAG_MS)),
    );
  }

  /** Does what was changed during an outage. Rejects when Redis refuses or is away again; what is left stays. */
  async replay(): Promise<void> {
    const changes = this.#journal.all();
    for (let at = 0; at < changes.length; at += REPLAYED_AT_A_TIME) {
      const some = changes.slice(at, at + REPLAYED_AT_A_TIME);
      await Promise.all(
        some.map(async change => {
          await this.#apply(change);
          this.#journal.done(change);
        }),
      );
    }
  }

  async #apply(change: Change): Promise<Outcome> {
    const run = this.#link.run(client => this.#run(client, change));
    this.#pending.add(run);
    try {
      return (await run) === 1 ? 'done' : 'older';
    } finally {
      this.#pending.delete(run);
    }
  }

  #run(client: Parameters<Parameters<RedisLink['run']>[0]>[0], change: Change): Promise<number> {
    const { channel } = this.#link;
    const version = versionText(change.version);
    switch (change.kind) {
      case 'put':
        return client.spillwayCachePut(change.name, version, change.frame, change.ms, channel);
      case 'delete':
        return client.spillwayCacheDelete(
          change.name,
          version,
          tombstone(change.version),
          TOMBSTONE_MS,
          channel,
        );
      case 'tag':
        return client.spillwayCacheInvalidate(change.name, version, TAG_MS, channel);
    }
  }
}

function tombstone(version: number): Buffer {
  const payload = Buffer.alloc(0);
  return encodeFrame({ version, flags: Flag.tombstone, ttlMs: 0, graceMs: 0, keyId: '', tags: [], payload });
}
