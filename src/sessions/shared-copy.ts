import type { Cache, CacheNamespace } from '../cache/index.ts';
import type { Clock } from '../shared/clock.ts';
import type { SessionRecord } from './record.ts';
import { isLive, type SessionRow } from './table.ts';

/** A mark that a session was destroyed. */
export interface Gone {
  gone: true;
  expires: number;
}

/** What Redis knows of a session. */
export interface Shared {
  data: SessionRecord | undefined;
  gone: Gone | undefined;
}

const NOTHING: Shared = { data: undefined, gone: undefined };
const YEAR_MS = 365 * 86_400_000;

/**
 * The copies of sessions in Redis. A session and the mark of its end have keys of their own: whoever saves can't overwrite
 * a mark it has not seen yet, and a read that finds one never looks at the rest.
 */
export class SharedCopy {
  readonly #cache: Cache;
  readonly #clock: Clock;
  readonly #namespace: CacheNamespace<string, unknown>;
  readonly #onUp: () => void;
  #up: boolean;

  constructor(cache: Cache, name: string, clock: Clock, onUp: () => void) {
    this.#cache = cache;
    this.#clock = clock;
    this.#onUp = onUp;
    // Not in memory: a session that ended on another machine must be seen with the next read.
    this.#namespace = cache.namespace<string, unknown>(name, { ttl: YEAR_MS, memory: false });
    this.#up = cache.stats().redis === 'up';
    cache.on('redis', this.#watch);
  }

  /** What is not written now is written when Redis is back; there is no use in keeping it twice. */
  get up(): boolean {
    return this.#up;
  }

  /** False also while the cache is switched off: then nothing is read from Redis. */
  get readable(): boolean {
    return this.#up && this.#cache.stats().enabled;
  }

  /** Waits for Redis no longer than its deadline; nothing, when it does not answer. */
  async read(key: string): Promise<Shared> {
    const [data, gone] = await this.#namespace.getMany([key, goneKey(key)]).catch(() => []);
    if (isGone(gone)) return { data: undefined, gone };
    return isRecord(data) ? { data, gone: undefined } : NOTHING;
  }

  /** Resolves when Redis has it, or is found not to answer. */
  async write(row: SessionRow): Promise<void> {
    if (!this.#up) return;
    const { key, expires } = row;
    const ttl = Math.min(YEAR_MS, Math.max(1, expires - this.#clock.now()));
    const keep = (name: string, value: unknown) => this.#namespace.set(name, value, { ttl, wait: true });
    try {
      if (isLive(row)) await keep(key, { version: row.version, body: row.body, expires });
      else await Promise.all([keep(goneKey(key), { gone: true, expires }), this.#namespace.delete(key)]);
    } catch {
      // The cache is closed: the file has it.
    }
  }

  /**
   * What Redis knows of many, undefined when it has not answered all of them: an absent answer must not pass for an absent
   * session. Answers come in the order of the questions, and the last one asks for what is there. On a cluster that holds for
   * one node only.
   */
  async readAll(keys: readonly string[], mark: string): Promise<Shared[] | undefined> {
    const [found, marked] = await Promise.all([
      Promise.all(keys.map(key => this.read(key))),
      this.isMarked(mark),
    ]);
    return marked ? found : undefined;
  }

  /** Whether Redis still has this mark, and so what was written to it before. */
  async isMarked(mark: string): Promise<boolean> {
    return (await this.#namespace.get(mark).catch(() => undefined)) !== undefined;
  }

  async mark(mark: string): Promise<void> {
    await this.#namespace.set(mark, 1, { wait: true }).catch(() => {});
  }

  close(): void {
    this.#cache.off('redis', this.#watch);
  }

  readonly #watch = ({ state }: { state: string }): void => {
    this.#up = state === 'up';
    if (this.#up) this.#onUp();
  };
}

function goneKey(key: string): string {
  return `${key}:gone`;
}

/** Anyone may have written there. */
function isGone(value: unknown): value is Gone {
  const found = value as Partial<Gone> | null | undefined;
  return found?.gone === true && Number.isFinite(found.expires);
}

function isRecord(value: unknown): value is SessionRecord {
  const found = value as Partial<SessionRecord> | null | undefined;
  return (
    Number.isSafeInteger(found?.version) &&
    Number.isSafeInteger(found?.expires) &&
    typeof found?.body === 'string' &&
    isJsonObject(found.body)
  );
}

function isJsonObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null;
  } catch {
    return false;
  }
}
