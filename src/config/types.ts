import type { PostgresConnectionOptions } from 'bullmq';
import type { RedisOptions } from 'ioredis';

export const engineNames = ['sqlite', 'redis', 'postgres', 'failover'] as const;
/** Where the jobs are kept. `failover`: in Redis (or PostgreSQL), and in the SQLite file while that is away. */
export type EngineName = (typeof engineNames)[number];

export const engineChoices = ['auto', ...engineNames] as const;
/** What can be asked for; `auto` lets the rest of the configuration decide. */
export type EngineChoice = (typeof engineChoices)[number];

export const journalModes = ['off', 'until-persisted', 'until-completed'] as const;

/** How the failover engine behaves; its own options, which queues/engine.ts holds this to. Absent ones have its defaults. */
export interface FailoverOptions {
  /**
   * Which jobs in Redis also have a copy in the SQLite file, so that a Redis that comes back empty loses none: `off`
   * (default), `until-persisted` (until Redis has written the job to its disk) or `until-completed`.
   */
  journal?: (typeof journalModes)[number];
  /**
   * How long a call of a producer takes at most: to Redis, and then to the SQLite file if that must take over. Milliseconds,
   * 100 to 60000, default 500; for a distant Redis at least ten round trips.
   */
  deadlineMs?: number;
  /** At most so many jobs a second go back to Redis after an outage. 1 to 1000000, default 10000. */
  drainPerSecond?: number;
}

/** Where the SQLite engine keeps its file, and how; the engine's own options, which queues/engine.ts holds this to. */
export interface SqliteOptions {
  /** Path of the file; its folder must exist, on a local disk. `:memory:`: this process's memory only. */
  file: string;
  /** `full` (default): an acknowledged job survives power loss. `normal`: it survives the end of the process. */
  durability?: 'full' | 'normal';
  /** How long an operation waits for another process's write lock. Milliseconds, 100 to 600000, default 10000. */
  busyTimeoutMs?: number;
}

/** How patient connections to Redis are; the defaults are `configDefaults.redisTuning`. */
export interface RedisTuning {
  /** How often a producer's command is tried again over a new connection before it fails. 0 to 1000. */
  maxRetries: number;
  /** First pause before reconnecting, doubled each time up to 2000 (or this, if larger). Milliseconds, 1 to 60000. */
  retryDelayMs: number;
}

/** One server of a Redis Cluster. */
export interface RedisNode {
  host: string;
  port: number;
}

/**
 * How a Redis is reached: ioredis options for one server; with `sentinels` and `name`, for the master the Sentinels name;
 * with `cluster`, for a Redis Cluster, of which these nodes are asked for all others. A cluster has no `db`.
 */
export type RedisTarget = RedisOptions & { cluster?: readonly RedisNode[] };

/** The options that choose and reach an engine. Options win over the environment, the environment over defaults. */
export interface ConfigOptions {
  /**
   * Where jobs are kept. `auto` (default): `failover` when a Redis is configured (by `redis`, REDIS_URL, REDIS_HOST or
   * REDIS_PORT) and not switched off; else `postgres` when the `postgres` option is given; else `sqlite`. `redis` and
   * `postgres` are BullMQ's own engines, with no standby. `failover` has Redis as its primary, or PostgreSQL where no
   * Redis is configured.
   */
  engine?: EngineChoice;
  /** The SQLite engine's file and durability. The file defaults to SPILLWAY_FILE, then `./spillway.db`. */
  sqlite?: Partial<SqliteOptions>;
  /**
   * Where Redis is: a URL (`redis://`, `redis+sentinel://`, `redis+cluster://`, with TLS `rediss…`), or options as
   * `RedisTarget` has them. Replaces every REDIS_* address variable.
   */
  redis?: string | RedisTarget;
  /** A `postgres://` URL, a node-postgres pool config (optionally with `schema`), or a pool, which stays yours to close. */
  postgres?: PostgresConnectionOptions;
  /** The failover engine's options. */
  failover?: FailoverOptions;
  /** Prefix of all keys in Redis, as BullMQ's `prefix`. 1 to 100 characters. Default `bull`; on a cluster in braces, `{bull}`. */
  prefix?: string;
  /**
   * How long `close()` and a signal wait for running jobs before they are given back to the queue.
   * Milliseconds, 0 to 86400000, default 30000. 0 gives them back at once.
   */
  shutdownTimeoutMs?: number;
  /** Read instead of the process's environment, for tests and for embedding. */
  environment?: Readonly<Record<string, string | undefined>>;
}

/** Something an operator should know about the configuration, though it can be worked with. */
export interface ConfigWarning {
  name:
    | 'contradictory-switches'
    | 'switch-without-redis'
    | 'switch-overruled'
    | 'redis-url-and-host'
    | 'redis-url-and-db'
    | 'redis-url-and-password'
    | 'redis-unknown-option'
    | 'misspelt-variable'
    | 'redis-tls-unverified'
    | 'standby-in-memory';
  message: string;
}

/** The configuration after options, environment and defaults are put together. */
export interface Config {
  engine: EngineName;
  /** Why this engine, in words, for the log. */
  engineReason: string;
  sqlite: SqliteOptions;
  redis: RedisTarget;
  redisTuning: RedisTuning;
  postgres: PostgresConnectionOptions | undefined;
  failover: FailoverOptions & {
    /** What the engine `failover` has as its primary. */
    primary: 'redis' | 'postgres';
  };
  /**
   * The engine is sqlite though a Redis is configured: its file may hold what an outage left, and what it holds goes to
   * that Redis when it is used again.
   */
  standsInForRedis: boolean;
  prefix: string;
  shutdownTimeoutMs: number;
  /** Defaults for workers, from CONCURRENCY and WORKER_ID. */
  worker: { concurrency?: number; name?: string };
  cache: { enabled: boolean };
  monitoring: { enabled: boolean; alertWebhookUrl?: string };
  warnings: readonly ConfigWarning[];
  /** Every secret that is known, to be masked wherever it may appear. */
  secrets: readonly string[];
}
