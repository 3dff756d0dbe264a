import { durationRange, parseDuration } from '../shared/duration.ts';
import { SpillwayError } from '../shared/errors.ts';
import { isLogger } from '../shared/logger.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
import type { SessionsOptions } from './types.ts';

export const sessionsDefaults = {
  name: 'sessions',
  ttl: '1d',
  maxSessions: 100_000,
  durability: 'full',
  whenUnknown: 'refuse',
} as const satisfies Partial<SessionsOptions>;

export interface CheckedOptions
  extends Required<Pick<SessionsOptions, 'file' | 'name' | 'maxSessions' | 'durability' | 'whenUnknown'>> {
  ttlMs: number;
}

const known = {
  file: true,
  cache: true,
  name: true,
  ttl: true,
  maxSessions: true,
  durability: true,
  whenUnknown: true,
  logger: true,
  clock: true,
} as const satisfies Record<keyof SessionsOptions, true>;

const YEAR_MS = 365 * 86_400_000;

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkSessionsOptions(options: SessionsOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object, as in openSessions({ file: … })', typeof options);
  const unknown = Object.keys(options).find(option => !Object.hasOwn(known, option));
  if (unknown !== undefined) throw noSuchOption('sessions', unknown, Object.keys(known));
  const { file, name, ttl, maxSessions, durability, whenUnknown } = { ...sessionsDefaults, ...options };
  const cache: unknown = options.cache;
  if (typeof file !== 'string' || file === '') throw invalid('file', 'a path, or ":memory:"', file);
  if (cache !== undefined && typeof (cache as { namespace?: unknown } | null)?.namespace !== 'function')
    throw invalid('cache', 'spillway.caches, or what createCache made', typeof cache);
  const logger: unknown = options.logger;
  if (logger !== undefined && !isLogger(logger))
    throw invalid('logger', 'an object with the methods debug, info, warn, error', typeof logger);
  const ttlMs = parseDuration(ttl);
  if (ttlMs === undefined || ttlMs < 1_000 || ttlMs > YEAR_MS)
    throw invalid('ttl', `${durationRange}; 1 s to 365 days`, ttl);
  if (!Number.isInteger(maxSessions) || maxSessions < 1 || maxSessions > 10_000_000)
    throw invalid('maxSessions', 'a whole number from 1 to 10000000', maxSessions);
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw invalid('name', "1 to 100 letters, digits, '.', '_' or '-'", name);
  if (durability !== 'full' && durability !== 'normal')
    throw invalid('durability', "'full' or 'normal'", durability);
  if (whenUnknown !== 'refuse' && whenUnknown !== 'none')
    throw invalid('whenUnknown', "'refuse' or 'none'", whenUnknown);
  return { file, name, ttlMs, maxSessions, durability, whenUnknown };
}

function invalid(option: string, range: string, received: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of sessions must be ${range}; received ${shown(received)}`,
    { details: { option, range } },
  );
}

function shown(value: unknown): string | undefined {
  return JSON.stringify(value)?.slice(0, 100);
}
