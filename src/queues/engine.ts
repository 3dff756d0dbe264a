import {
  type BackendFactory,
  type ConnectionOptions,
  createPostgresBackend,
  type RedisQueueBackend,
} from 'bullmq';
import type { Config } from '../config/index.ts';
import {
  createFailoverBackend,
  createJobIds,
  type FailoverConnectionOptions,
} from '../engines/failover/index.ts';
import { createSqliteBackend, type SqliteConnectionOptions } from '../engines/sqlite/index.ts';
import {
  consumerOptions,
  createTargetBackend,
  describeRedisTarget,
  producerOptions,
} from '../redis/index.ts';
import type { Logger } from '../shared/logger.ts';
import { FailoverRuntime } from './failover.ts';

/** BullMQ's constructor options that differ by engine and by what the object does. */
export interface EngineConnection {
  connection: ConnectionOptions;
  skipWaitingForReady?: boolean;
  skipVersionCheck?: boolean;
}

/** How BullMQ's objects reach an engine: the only thing the rest of Spillway needs to know about it. */
export interface Engine {
  readonly factory: BackendFactory<RedisQueueBackend>;
  /** For queues and flows: somebody waits for the answer. */
  readonly producer: EngineConnection;
  /** For workers and queue events: they wait for work as long as it takes. */
  readonly consumer: EngineConnection;
  /** Where the jobs are, for the log; without credentials. */
  readonly target: string;
  /** Names jobs that come without a name, where the engine's own numbers could meet others later. */
  readonly newJobId?: () => string;
  /** The engine `failover`, behind the backends it makes. */
  readonly failover?: FailoverRuntime;
}

/**
 * Maps the engine's name to its backend factory and connection. All engines are typed as BullMQ types its default, Redis:
 * that keeps every object assignable to a plain `Queue` or `Worker`, so that code written for BullMQ and
 * tools such as bull-board take it unchanged. This file is the only one that makes the cast.
 */
export function createEngine(config: Config, logger: Logger): Engine {
  switch (config.engine) {
    case 'redis':
      return {
        factory: createTargetBackend as Engine['factory'],
        producer: {
          connection: producerOptions(config.redis, config.redisTuning, Math.random) as ConnectionOptions,
          // BullMQ otherwise waits without end for a first connection before it even looks at a command's timeout.
          skipWaitingForReady: true,
          skipVersionCheck: true,
        },
        consumer: {
          connection: consumerOptions(config.redis, config.redisTuning, Math.random) as ConnectionOptions,
        },
        target: describeRedisTarget(config.redis),
      };
    case 'postgres':
      return sameForAll(createPostgresBackend, postgresConnection(config.postgres), 'PostgreSQL');
    case 'sqlite':
      return {
        ...sameForAll<SqliteConnectionOptions>(createSqliteBackend, config.sqlite, config.sqlite.file),
        // These jobs go to Redis one day, where a job of the same number would be taken for the same job.
        ...(config.standsInForRedis ? { newJobId: createJobIds() } : {}),
      };
    case 'failover':
      return failoverEngine(config, logger);
  }
}

function sameForAll<C>(factory: unknown, connection: C, target: string): Engine {
  const options = { connection: connection as ConnectionOptions };
  return { factory: factory as Engine['factory'], producer: options, consumer: options, target };
}

function failoverEngine(config: Config, logger: Logger): Engine {
  const { primary, ...options } = config.failover;
  const home =
    primary === 'redis' ? { redis: config.redis } : { postgres: postgresConnection(config.postgres) };
  const connection = { ...home, sqlite: config.sqlite, ...options } as FailoverConnectionOptions;
  const failover = new FailoverRuntime(connection, config, logger);
  const factory: BackendFactory = (...args) => {
    failover.open();
    return (createFailoverBackend as unknown as BackendFactory)(...args);
  };
  const target = primary === 'redis' ? describeRedisTarget(config.redis) : 'PostgreSQL';
  return {
    ...sameForAll(factory, failover.connection, `${target}, standby ${config.sqlite.file}`),
    failover,
  };
}

/** BullMQ's PostgreSQL backend makes its tables only when told to; an engine that needs a manual step is not embedded. */
function postgresConnection(given: Config['postgres']): Config['postgres'] {
  if (typeof given === 'string') return { connectionString: given, migrate: true };
  if (given === undefined || 'connect' in given || 'migrate' in given || 'skipMigrations' in given)
    return given;
  return { ...given, migrate: true };
}
