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

  /** Waits for Redis no longer than its deadline; undefined when it does not answer, which must not pass for "none". */
  async read(key: string): Promise<Shared | undefined> {
    const names = [key, goneKey(key)];
    const [data, gone] = await Promise.all(names.map(name => this.#namespace.inRedis(name)));
    if (isGone(gone?.value)) return { data: undefined, gone: gone.value };
    if (data === undefined || gone === undefined) return undefined;
    return isRecord(data.value) ? { data: data.value, gone: undefined } : NOTHING;
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

  /** What Redis knows of many, undefined when it has not answered all of them. */
  async readAll(keys: readonly string[]): Promise<Shared[] | undefined> {
    const found = await Promise.all(keys.map(key => this.read(key)));
    return found.every(each => each !== undefined) ? found : undefined;
  }

  /** Whether Redis still has this mark, and so what was written to it before; undefined when it does not answer. */
  async isMarked(mark: string): Promise<boolean | undefined> {
    const found = await this.#namespace.inRedis(mark);
    return found && found.value !== undefined;
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
