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
  // Beside the engine's own file; the engine redis is used where there is no local disk to rely on.
  const hasFile = config.engine === 'failover' && config.sqlite.file !== ':memory:';
  return createCache({
    ...(onRedis ? { redis: config.redis } : {}),
    ...(hasFile ? { journal: `${config.sqlite.file}-cache` } : {}),
    enabled: config.cache.enabled,
    ...settings,
    logger,
  });
}

const LOOK_EVERY_MS = 250;

/**
 * Switches a cache as `isOn` says, from its first use on; what can't be asked changes nothing, and is told once. `configured`
 * false: it stays off. Gives back how to stop.
 */
export function followSwitch(
  cache: Cache,
  configured: boolean,
  isOn: () => Promise<boolean>,
  logger: Logger,
): () => void {
  let asking = false;
  let troubled = false;
  let stopped = false;
  const obey = (on: boolean) => {
    if (troubled) logger.info({}, 'The switch of the cache can be read again');
    troubled = false;
    cache.setEnabled(configured && on);
  };
  const trouble = (error: unknown) => {
    if (troubled || stopped) return;
    troubled = true;
    const why = error instanceof Error ? error.message : String(error);
    logger.warn(
      { err: error },
      `The switch of the cache cannot be read, so the cache stays as it is: ${why}`,
    );
  };
  const look = async () => {
    if (asking || !cache.used) return;
    asking = true;
    await isOn().then(obey, trouble);
    asking = false;
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref();
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}
