import type { Clock } from '../shared/clock.ts';
import { LEAD_US, type Versions } from './entry/versions.ts';
import { MARGIN_US } from './tags.ts';
import type { Trust } from './trust.ts';

/** More names than this are told apart over half the time only. */
const MOST_NAMES = 50_000;

/**
 * What was told lately of the tags of a namespace in Redis. Redis may lose a tag right after its invalidation, when it evicts;
 * the version that the tag then gets must not be older than that, or values from before would be valid again.
 */
export class HeardTags {
  readonly #clock: Clock;
  readonly #versions: Versions;
  readonly #trust: Trust;
  /** Since when this namespace is listened to, on the monotonic clock. */
  readonly #openedAt: number;
  #names = new Map<string, number>();
  /** Those before them. */
  #older = new Map<string, number>();
  #turnedAt: number;

  constructor(clock: Clock, versions: Versions, trust: Trust) {
    this.#clock = clock;
    this.#versions = versions;
    this.#trust = trust;
    this.#openedAt = clock.monotonic();
    this.#turnedAt = this.#openedAt;
  }

  /** The tag with this name in Redis was set or lost. */
  note(name: string): void {
    const now = this.#clock.monotonic();
    if (now - this.#turnedAt > MARGIN_US / 1000 || this.#names.size >= MOST_NAMES) {
      this.#older = this.#names;
      this.#names = new Map();
      this.#turnedAt = now;
    }
    this.#names.set(name, now);
  }

  /** No invalidation of the tag can be newer than this version and be unknown here. */
  floor(name: string): number {
    const now = this.#clock.monotonic();
    const version = (at: number) => Math.floor(this.#versions.now() - (now - at) * 1000);
    const unheard = version(Math.max(this.#openedAt, this.#trust.since));
    const at = this.#names.get(name) ?? this.#older.get(name);
    return at === undefined ? unheard : Math.max(unheard, version(at) + LEAD_US);
  }
}
