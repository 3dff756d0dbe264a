import type { Config } from '../config/index.ts';
import type { Logger } from '../shared/logger.ts';
import { createCache } from './cache.ts';
import type { Cache, CacheOptions } from './types.ts';

/** What of the cache a program may set; the rest follows from the configuration. */
export type CacheSettings = Omit<CacheOptions, 'logger'>;

/**
 * The cache of a Spillway: on the Redis the jobs are in, where there is one, with its own connections.
 * Throws SPILLWAY_INVALID_OPTION.
 */
export function openCacheOf(config: Config, logger: Logger, settings: CacheSettings = {}): Cache {
  const onRedis =
    config.engine === 'redis' || (config.engine === 'failover' && config.failover.primary === 'redis');
  return createCache({
    ...(onRedis ? { redis: config.redis } : {}),
    enabled: config.cache.enabled,
    ...settings,
    logger,
  });
}
