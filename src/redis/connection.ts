import type { RedisOptions } from 'ioredis';
import type { RedisTuning } from '../config/index.ts';

/** No call of a producer waits longer for Redis. Milliseconds. */
export const producerCommandTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;
const longestRetryDelayMs = 2_000;

const retryStrategy = (tuning: RedisTuning) => (times: number) =>
  Math.min(
    tuning.retryDelayMs * 2 ** Math.min(times - 1, 20),
    Math.max(longestRetryDelayMs, tuning.retryDelayMs),
  );

/**
 * Options for queues and flows, which answer a caller who waits: a command fails after `maxRetries` reconnections (it was
 * not sent: nothing is stored) or after 5 s (it may have been applied: unknown, not failed). ioredis's own default
 * lets such a call hang for as long as Redis does. Anything in `base` wins.
 */
export function producerOptions(base: RedisOptions, tuning: RedisTuning): RedisOptions {
  return {
    connectTimeout: connectTimeoutMs,
    commandTimeout: producerCommandTimeoutMs,
    maxRetriesPerRequest: tuning.maxRetries,
    retryStrategy: retryStrategy(tuning),
    ...base,
  };
}

/**
 * Options for workers and queue events, which wait for Redis as long as it takes and go on when it is back. Their
 * blocking calls must have neither a retry limit (BullMQ insists on `maxRetriesPerRequest: null`) nor a command
 * timeout, so both are removed from `base`.
 */
export function consumerOptions(base: RedisOptions, tuning: RedisTuning): RedisOptions {
  const { commandTimeout: _, maxRetriesPerRequest: __, ...rest } = base;
  return {
    connectTimeout: connectTimeoutMs,
    retryStrategy: retryStrategy(tuning),
    ...rest,
    maxRetriesPerRequest: null,
  };
}
