import type { EventEmitter } from 'node:events';
import { createPostgresBackend, type PostgresConnectionOptions } from 'bullmq';
import { redisOptionsOf } from '../../../redis/index.ts';
import type { ResolvedFailoverOptions } from '../options.ts';
import { OtherPrimaryKind } from './other.ts';
import type { Primary } from './primary.ts';
import { RedisPrimary } from './redis.ts';

/** The primary that the options ask for. */
export function choosePrimary(options: ResolvedFailoverOptions, prefix: string): Primary {
  const { redis, postgres, primary } = options;
  if (redis !== undefined) return new RedisPrimary(redisOptionsOf(redis), prefix, Math.random);
  if (primary !== undefined)
    return new OtherPrimaryKind(primary.factory as never, primary.connection, primary.name, prefix);
  return new OtherPrimaryKind(createPostgresBackend as never, withListeners(postgres), 'PostgreSQL', prefix);
}

/**
 * While BullMQ looks at the tables of a connection it has just opened, nobody listens to that connection's errors: a server
 * that dies in this moment would end the process.
 */
function withListeners(postgres: PostgresConnectionOptions | undefined): unknown {
  const onConnect = (client: EventEmitter) => {
    client.on('error', () => undefined);
  };
  if (typeof postgres === 'string') return { connectionString: postgres, onConnect };
  return postgres === undefined || 'connect' in postgres ? postgres : { onConnect, ...postgres };
}
