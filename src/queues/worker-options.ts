import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { SpillwayError } from '../shared/errors.ts';
import { keep, keepRange, show } from './job-options.ts';
import type { WorkerSettings } from './types.ts';

interface Rule {
  option: keyof WorkerSettings;
  range: string;
  accepts(value: number): boolean;
}

const positive = (value: number) => value > 0 && value <= 2_147_483_647;
const count = (value: number) => Number.isSafeInteger(value) && value >= 0;

const rules: readonly Rule[] = [
  {
    option: 'concurrency',
    range: 'a whole number from 1 to 100000',
    accepts: value => Number.isSafeInteger(value) && value >= 1 && value <= 100_000,
  },
  { option: 'lockDuration', range: 'milliseconds above 0 up to 2147483647', accepts: positive },
  { option: 'lockRenewTime', range: 'milliseconds above 0 up to 2147483647', accepts: positive },
  { option: 'stalledInterval', range: 'milliseconds above 0 up to 2147483647', accepts: positive },
  { option: 'drainDelay', range: 'seconds above 0 up to 2147483647', accepts: positive },
  { option: 'maxStalledCount', range: 'a whole number from 0 up', accepts: count },
  { option: 'maxStartedAttempts', range: 'a whole number from 0 up', accepts: count },
];

const rateRange = '{ max: a whole number from 1 up, duration: milliseconds above 0 }';

function isRate(value: unknown): boolean {
  const { max, duration } = (value ?? {}) as { max?: unknown; duration?: unknown };
  const allows = typeof max === 'number' && count(max) && max > 0;
  return allows && typeof duration === 'number' && positive(duration);
}

const otherRules: readonly {
  option: keyof WorkerSettings;
  range: string;
  accepts(value: unknown): boolean;
}[] = [
  { option: 'limiter', range: rateRange, accepts: isRate },
  { option: 'removeOnComplete', range: keepRange, accepts: keep },
  { option: 'removeOnFail', range: keepRange, accepts: keep },
  { option: 'autorun', range: 'true or false', accepts: value => typeof value === 'boolean' },
];

/**
 * BullMQ checks some of these only after it has opened its connections, which nobody could close then.
 * Throws SPILLWAY_INVALID_OPTION naming the option, the range and the value received.
 */
export function checkWorkerOptions(queue: string, processor: unknown, settings: WorkerSettings): void {
  for (const { option, range, accepts } of rules) {
    const value: unknown = settings[option];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !accepts(value)) throw refuse(queue, option, range, String(value));
  }
  for (const { option, range, accepts } of otherRules) {
    const value: unknown = settings[option];
    if (value !== undefined && !accepts(value)) throw refuse(queue, option, range, show(value));
  }
  checkBreaker(queue, processor, settings.breaker);
  if (processor === null || typeof processor === 'function') return;
  const range = 'a function, a file that exists, or null for a worker that fetches by hand';
  if (processor instanceof URL) {
    if (!existsSync(processor)) throw refuse(queue, 'processor', range, processor.pathname);
    return;
  }
  if (typeof processor !== 'string')
    throw refuse(queue, 'processor', range, `a value of type ${typeof processor}`);
  const known = ['.js', '.ts', '.flow', '.cjs', '.mjs'].includes(extname(processor));
  const file = known ? processor : `${processor}.js`;
  if (!existsSync(file)) throw refuse(queue, 'processor', range, file);
}

function checkBreaker(queue: string, processor: unknown, breaker: unknown): void {
  if (breaker === undefined) return;
  const { name, retryAfterMs } = (breaker ?? {}) as { name?: unknown; retryAfterMs?: unknown };
  if (typeof name !== 'string' || typeof retryAfterMs !== 'number') {
    throw refuse(queue, 'breaker', 'a breaker or a provider chain', `a value of type ${typeof breaker}`);
  }
  // A handler in a process or thread of its own cannot call through a breaker of this one.
  if (typeof processor === 'function') return;
  throw refuse(queue, 'breaker', 'absent for a handler that is no function', `breaker ${name}`);
}

function refuse(queue: string, option: string, range: string, received: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of a worker for queue ${JSON.stringify(queue)} must be ${range}; received ${received}`,
    { details: { queue, option, range, received } },
  );
}
