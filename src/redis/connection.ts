import type { RedisTarget, RedisTuning } from '../config/index.ts';

/** No call of a producer waits longer for Redis. Milliseconds. */
export const producerCommandTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;
const longestRetryDelayMs = 2_000;

/**
 * How long to wait before the next attempt to connect: the pause doubles from `retryDelayMs` up to 2 s (or `retryDelayMs`, if
 * that is longer), and `random` (a fraction, 0 <= x < 1) takes up to half of it away, so that the processes that lost
 * the same Redis do not all come back at the same moment.
 */
export function retryStrategy({ retryDelayMs }: RedisTuning, random: () => number) {
  return (times: number): number => {
    const whole = Math.min(
      retryDelayMs * 2 ** Math.min(times - 1, 20),
      Math.max(longestRetryDelayMs, retryDelayMs),
    );
    return Math.round(whole * (1 - random() / 2));
  };
}

/** What holds for every connection; Sentinels are asked again as patiently as Redis, and none may hold up the others. */
function patience(tuning: RedisTuning, random: () => number) {
  const pauses = retryStrategy(tuning, random);
  return {
    connectTimeout: connectTimeoutMs,
    retryStrategy: pauses,
    sentinelRetryStrategy: pauses,
    sentinelCommandTimeout: connectTimeoutMs,
  };
}

/**
 * Options for queues and flows, which answer a caller who waits: a command fails after `maxRetries` reconnections (it was
 * not sent: nothing is stored) or after 5 s (it may have been applied: unknown, not failed). ioredis's own default
 * lets such a call hang for as long as Redis does. Anything in `base` wins.
 */
export function producerOptions(base: RedisTarget, tuning: RedisTuning, random: () => number): RedisTarget {
  return {
    ...patience(tuning, random),
    commandTimeout: producerCommandTimeoutMs,
    maxRetriesPerRequest: tuning.maxRetries,
    ...base,
  };
}

/**
 * Options for workers and queue events, which wait for Redis as long as it takes and go on when it is back. Their
 * blocking calls must have neither a retry limit (BullMQ insists on `maxRetriesPerRequest: null`) nor a command
 * timeout, so both are removed from `base`.
 */
export function consumerOptions(base: RedisTarget, tuning: RedisTuning, random: () => number): RedisTarget {
  const { commandTimeout: _, maxRetriesPerRequest: __, ...rest } = base;
  return { ...patience(tuning, random), ...rest, maxRetriesPerRequest: null };
}
