import { redisOptionsOf } from '../../../redis/index.ts';
import type { ResolvedFailoverOptions } from '../options.ts';
import { OtherPrimaryKind } from './other.ts';
import { withListeners } from './postgres.ts';
import { PostgresPrimary } from './postgres-primary.ts';
import type { Primary } from './primary.ts';
import { RedisPrimary } from './redis.ts';

/** The primary that the options ask for. */
export function choosePrimary(options: ResolvedFailoverOptions, prefix: string): Primary {
  const { redis, postgres, primary } = options;
  if (redis !== undefined) return new RedisPrimary(redisOptionsOf(redis), prefix, Math.random);
  if (primary !== undefined)
    return new OtherPrimaryKind(primary.factory as never, primary.connection, primary.name, prefix);
  return new PostgresPrimary(withListeners(postgres), prefix);
}
