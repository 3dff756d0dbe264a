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

/** The same change with a version above the one that Redis has; undefined where that one is rightly there. */
export type Renew = (held: number) => Change | undefined | Promise<Change | undefined>;

/** What Redis says to a change: an outcome, or the newer version it has. */
type Answer = 'done' | 'replaced' | 'too old' | number;

const ANSWERS: readonly Answer[] = ['too old', 'done', 'replaced'];

/** Above the values that were set right after the one before. */
const MORE_US = 1_000;
/** So often a change is made anew at most. */
const MOST_RENEWALS = 20;

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
    const answer = await this.#apply(change, OLDEST_MS).catch(() => 'dropped' as const);
    return typeof answer === 'number' || answer === 'too old' ? 'older' : answer;
  }

  /**
   * A change somebody asked for: resolves when it is in Redis or in the journal. While somebody waits for it, it is made now:
   * where Redis has a newer version, since another process's time is ahead, it is made anew. What comes late is not.
   */
  change(change: Change, renew: Renew = held => this.#above(held, change)): Promise<Outcome> {
    const changing = this.#change(change, renew).finally(() => this.#changing.delete(changing));
    this.#changing.add(changing);
    return changing;
  }

  async #change(change: Change, renew: Renew): Promise<Outcome> {
    const { name, version } = change;
    let newest = change;
    this.#names.set(name, version);
    try {
      for (let times = 0; this.#link.usable && this.#pending.size < MOST_UNDER_WAY; times++) {
        const answer = await this.#applyFully(newest);
        if (typeof answer === 'string') return answer === 'too old' ? 'older' : answer;
        // A later change of this process is on its way, or was.
        if (this.#names.get(name) !== version) return 'older';
        const renewed = await renew(answer);
        if (renewed === undefined) return 'older';
        newest = renewed;
        if (times === MOST_RENEWALS) break;
      }
    } catch {
      // Its outcome is unknown, or Redis refused it.
    } finally {
      // From here on the journal knows of it.
      if (this.#names.get(name) === version) this.#names.delete(name);
    }
    await this.#journal.record(newest);
    this.replayLater();
    return 'journaled';
  }

  #above(held: number, change: Change): Change {
    const versions = this.#versions;
    const version = change.kind === 'tag' ? versions.nextInvalidation() : versions.nextDeletion();
    return { ...change, version: Math.max(held + MORE_US, version) };
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
    if (change.kind !== 'put' || change.reloadable) {
      // Of what can be loaded, that it has changed: another may have changed it since, in a Redis that was flushed after that.
      const told = change.kind === 'put' ? deletionOf(change) : change;
      // Made by a clock that was ahead: it must not rule until that time has come.
      await this.#apply({ ...told, version: Math.min(told.version, now) });
    } else if (ageMs < change.ms) {
      // A Redis that came back empty knows none of its tags, and what has an unknown tag is not valid.
      const tags = [WHOLE, ...decodeFrame(change.frame).tags];
      const first = firstVersion(change.version, false);
      await Promise.all(tags.map(tag => this.ensureTag(tagName(change.base, tag), first)));
      await this.#apply(change);
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
  async #applyFully(change: Change): Promise<Answer> {
    try {
      return await this.#apply(change);
    } catch (error) {
      const instead = change.kind === 'put' && change.reloadable && classifyFailure(error) === 'oom';
      if (!instead) throw error;
      return this.#apply(deletionOf(change));
    }
  }

  async #apply(change: Change, oldestMs = 0): Promise<Answer> {
    const run = this.#link.run(client => this.#run(client, change, oldestMs));
    this.#pending.add(run);
    try {
      const answer = await run;
      return ANSWERS[answer] ?? answer;
    } finally {
      this.#pending.delete(run);
    }
  }

  #run(client: LinkClient, change: Change, oldestMs: number): Promise<number> {
    const { channel } = this.#link;
    const { name } = change;
    const version = versionText(change.version);
    switch (change.kind) {
      case 'put':
        return client.spillwayCachePut(name, version, change.frame, change.ms, channel, oldestMs);
      case 'delete':
        return client.spillwayCacheDelete(name, version, tombstone(change.version), TOMBSTONE_MS, channel);
      case 'tag':
        return client.spillwayCacheInvalidate(name, version, TAG_MS, channel);
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
