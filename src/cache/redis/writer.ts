import { classifyFailure } from '../../redis/index.ts';
import { decodeFrame, encodeFrame, Flag } from '../entry/frame.ts';
import { tagName } from '../entry/keys.ts';
import { type Versions, versionText } from '../entry/versions.ts';
import type { Change, Journal } from '../journal/index.ts';
import { firstVersion, WHOLE } from '../tags.ts';
import type { LinkClient, RedisLink } from './link.ts';

/** More writes than this under way at a time: loaded values are not written, changes go to the journal. */
const MOST_UNDER_WAY = 10_000;
/** How long Redis remembers that a value was deleted, so that a value that was read before does not come back. */
const TOMBSTONE_MS = 300_000;
/** Older than this no loaded value is written: a tombstone that stood in its way might be gone. */
const OLDEST_MS = TOMBSTONE_MS - 60_000;
/** Tags outlive every value that has them. */
const TAG_MS = 400 * 86_400_000;
const REPLAYED_AT_A_TIME = 200;
const FIRST_REPLAY_MS = 100;
const LATEST_REPLAY_MS = 2_000;

/** `replaced`: done, in place of what is no text. `older`: Redis has something newer. `dropped`: not done, or not known to be. */
export type Outcome = 'done' | 'replaced' | 'older' | 'journaled' | 'dropped';

const OUTCOMES: readonly Outcome[] = ['older', 'done', 'replaced'];

/** Writes to Redis, off everybody's path. A write that got no answer may still be done: versions make that harmless. */
export class Writer {
  readonly #link: RedisLink;
  readonly #journal: Journal;
  readonly #versions: Versions;
  /** Changes that are on their way, by name. */
  readonly #names = new Map<string, number>();
  readonly #pending = new Set<Promise<number>>();
  readonly #changing = new Set<Promise<Outcome>>();
  #replaying: Promise<void> | undefined;
  #replayTimer: NodeJS.Timeout | undefined;
  #replayPause = FIRST_REPLAY_MS;

  constructor(link: RedisLink, journal: Journal, versions: Versions) {
    this.#link = link;
    this.#journal = journal;
    this.#versions = versions;
  }

  /** A loaded value: nothing is lost when it does not get there. */
  async populate(change: Change): Promise<Outcome> {
    if (!this.#link.usable || this.#pending.size >= MOST_UNDER_WAY) return 'dropped';
    return this.#apply(change, OLDEST_MS).catch(() => 'dropped');
  }

  /** A change somebody asked for: resolves when it is in Redis or in the journal. */
  change(change: Change): Promise<Outcome> {
    const changing = this.#change(change).finally(() => this.#changing.delete(changing));
    this.#changing.add(changing);
    return changing;
  }

  async #change(change: Change): Promise<Outcome> {
    const { name, version } = change;
    this.#names.set(name, version);
    try {
      if (this.#link.usable && this.#pending.size < MOST_UNDER_WAY)
        return await this.#applyFully(change, true);
    } catch {
      // Its outcome is unknown, or Redis refused it.
    } finally {
      // From here on the journal knows of it.
      if (this.#names.get(name) === version) this.#names.delete(name);
    }
    await this.#journal.record(change);
    this.replayLater();
    return 'journaled';
  }

  /** Whether Redis may not have the newest change of this name by this process. */
  isBehind(name: string): boolean {
    return this.#names.has(name) || this.#journal.has(name);
  }

  /** The version a tag has in Redis, given `version` where it had none. */
  async ensureTag(name: string, version: number): Promise<number> {
    return Number(
      await this.#link.run(client => client.spillwayCacheTag(name, versionText(version), TAG_MS)),
    );
  }

  /** Does what was changed during an outage. Rejects when Redis refuses or is away again; what is left stays. */
  replay(): Promise<void> {
    this.#replaying ??= this.#replay().finally(() => {
      this.#replaying = undefined;
    });
    return this.#replaying;
  }

  async #replay(): Promise<void> {
    const changes = this.#journal.all();
    for (let at = 0; at < changes.length; at += REPLAYED_AT_A_TIME) {
      const some = changes.slice(at, at + REPLAYED_AT_A_TIME);
      const outcomes = await Promise.allSettled(some.map(change => this.#repeat(change)));
      this.#journal.done(some.filter((_, each) => outcomes[each]?.status === 'fulfilled'));
      const failed = outcomes.find(outcome => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
    this.#journal.allDone();
  }

  async #repeat(change: Change): Promise<void> {
    const now = this.#versions.now();
    const ageMs = (now - change.version) / 1000;
    if (change.kind !== 'put') {
      // Made by a clock that was ahead: it must not rule until that time has come.
      await this.#apply({ ...change, version: Math.min(change.version, now) });
    } else if (ageMs < change.ms) {
      // A Redis that came back empty knows none of its tags, and what has an unknown tag is not valid.
      const tags = [WHOLE, ...decodeFrame(change.frame).tags];
      const first = firstVersion(change.version, change.reloadable);
      await Promise.all(tags.map(tag => this.ensureTag(tagName(change.base, tag), first)));
      await this.#applyFully(ageMs > OLDEST_MS && change.reloadable ? deletionOf(change) : change);
    }
  }

  /** Redis may be well and refuse writes for a while; what it was not told is not read from it until then. */
  replayLater(): void {
    if (!this.#link.usable || this.#replayTimer !== undefined) return;
    this.#replayTimer = setTimeout(() => {
      this.#replayTimer = undefined;
      if (!this.#link.usable) return;
      this.replay().then(
        () => {
          this.#replayPause = FIRST_REPLAY_MS;
        },
        () => {
          this.#replayPause = Math.min(this.#replayPause * 2, LATEST_REPLAY_MS);
          this.replayLater();
        },
      );
    }, this.#replayPause).unref();
  }

  /** A full Redis takes no value, but lets go of the old one, which is as good where it can be loaded. */
  async #applyFully(change: Change, now = false): Promise<Outcome> {
    try {
      return await this.#apply(change, 0, now);
    } catch (error) {
      const instead = change.kind === 'put' && change.reloadable && classifyFailure(error) === 'oom';
      if (!instead) throw error;
      return this.#apply(deletionOf(change), 0, now);
    }
  }

  /** `now`: it is made now, so that it is newer than what Redis has; else it was made when its version says. */
  async #apply(change: Change, oldestMs = 0, now = false): Promise<Outcome> {
    const run = this.#link.run(client => this.#run(client, change, oldestMs, now ? '1' : '0'));
    this.#pending.add(run);
    try {
      return OUTCOMES[await run] ?? 'older';
    } finally {
      this.#pending.delete(run);
    }
  }

  #run(client: LinkClient, change: Change, oldestMs: number, now: '0' | '1'): Promise<number> {
    const { channel } = this.#link;
    const { name } = change;
    const version = versionText(change.version);
    switch (change.kind) {
      case 'put':
        return client.spillwayCachePut(name, version, change.frame, change.ms, channel, oldestMs);
      case 'delete':
        return client.spillwayCacheDelete(
          name,
          version,
          tombstone(change.version),
          TOMBSTONE_MS,
          channel,
          now,
        );
      case 'tag':
        return client.spillwayCacheInvalidate(name, version, TAG_MS, channel, now);
    }
  }

  /** Resolves when nothing is under way any more; each has its deadline. */
  async close(): Promise<void> {
    clearTimeout(this.#replayTimer);
    await Promise.allSettled([...this.#pending, ...this.#changing]);
  }
}

function deletionOf({ name, base, version }: Change): Change {
  return { kind: 'delete', name, base, version };
}

function tombstone(version: number): Buffer {
  const payload = Buffer.alloc(0);
  return encodeFrame({ version, flags: Flag.tombstone, ttlMs: 0, graceMs: 0, keyId: '', tags: [], payload });
}
