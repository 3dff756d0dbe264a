import type { Cache } from '../cache/index.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';

export interface SessionsOptions {
  /**
   * Path of the SQLite file that keeps the sessions of this machine; made with mode 0600, its folder must exist on a local
   * disk. All processes of the machine name the same. It may be the file of the queues.
   */
  file: string;
  /** Where sessions are in Redis, too, for other machines: `spillway.caches`, or `createCache()`. Default: only in the file. */
  cache?: Cache;
  /** The cache namespace. Two applications on one Redis need two. Default `sessions`. */
  name?: string;
  /**
   * How long a session lasts whose cookie has no end of its own, since it was last saved or touched. Milliseconds, or '30m',
   * '2h', '7d'; 1 s to 365 days, default 1 day.
   */
  ttl?: number | string;
  /** Sessions the file keeps at most; those that end first make room. 1 to 10000000, default 100000. */
  maxSessions?: number;
  /** `full` (default): a session, and a logout, has survived power loss when it is acknowledged. `normal`: the end of the process. */
  durability?: 'full' | 'normal';
  /**
   * What a session is that this machine has never seen while Redis cannot be asked for it. `refuse` (default): the request
   * fails with SPILLWAY_SESSION_UNKNOWN, which answers 503, and the session is there when Redis is. `none`: there is none, so its
   * user is logged out, for good where the answer takes the cookie away.
   */
  whenUnknown?: 'refuse' | 'none';
  /** Told what goes wrong behind the scenes. Default: nobody. */
  logger?: Logger;
  /** Injected in tests. */
  clock?: Clock;
}

/** What both `@fastify/session` and `express-session` keep: plain data, with the cookie's settings in it. */
export interface SessionData {
  cookie?: { expires?: unknown; originalMaxAge?: unknown };
}

/**
 * Sessions that outlive Redis, the process and the machine's power. Each method has the file's answer at once and waits for
 * Redis no longer than the cache's `redisTimeoutMs`; rejects with the SPILLWAY_SQLITE_ errors of the file, SPILLWAY_CLOSED.
 */
export interface Sessions {
  /**
   * The session, or null: unknown, expired or destroyed. A copy of its own, that may be changed.
   * @throws SpillwayError SPILLWAY_SESSION_UNKNOWN where only Redis can know, and does not answer; see `whenUnknown`.
   */
  get(id: string): Promise<SessionData | null>;
  /**
   * Keeps a session. One that was destroyed stays destroyed. Nothing is written when nothing but the cookie's end moved,
   * and that by less than a twentieth of what is left of it, 60 s at most.
   * @throws SpillwayError SPILLWAY_SESSION_VALUE for what JSON cannot carry, and above 1 MiB of it.
   */
  set(id: string, session: SessionData): Promise<void>;
  /** Prolongs a session to its cookie's end, under the same rule as `set`. */
  touch(id: string, session: SessionData): Promise<void>;
  /** Ends a session for good, on every machine; durable when it resolves, also with Redis away. */
  destroy(id: string): Promise<void>;
  /** Sessions in the file, and changes that Redis has not confirmed yet. */
  stats(): Promise<{ sessions: number; destroyed: number; unconfirmed: number }>;
  /** Closes the file; calls under way settle. The cache stays open. Never rejects. */
  close(): Promise<void>;
}

/** The interface of connect's session stores: what `@fastify/session` and `express-session` call. */
export interface ClassicStore<S> {
  get(id: string, callback: (error: unknown, session?: S | null) => void): void;
  set(id: string, session: S, callback?: (error?: unknown) => void): void;
  touch(id: string, session: S, callback?: (error?: unknown) => void): void;
  destroy(id: string, callback?: (error?: unknown) => void): void;
}
