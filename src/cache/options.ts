import { SpillwayError } from '../shared/errors.ts';
import { isLogger } from '../shared/logger.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
import type { CacheOptions, MemoryOptions } from './types.ts';

export const cacheDefaults = {
  prefix: 'spillway',
  redisTimeoutMs: 50,
  maxItems: 1_000_000,
  maxBytes: 256 * 1024 * 1024,
} as const;

const known = {
  redis: true,
  prefix: true,
  memory: true,
  redisTimeoutMs: true,
  journal: true,
  enabled: true,
  logger: true,
  clock: true,
  random: true,
} as const satisfies Record<keyof CacheOptions, true>;

const knownOfMemory = { maxItems: true, maxBytes: true } as const satisfies Record<keyof MemoryOptions, true>;
const memoryNames = Object.keys(knownOfMemory).map(name => `memory.${name}`);

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkCacheOptions(options: CacheOptions): {
  [Name in keyof typeof cacheDefaults]: (typeof cacheDefaults)[Name] extends string ? string : number;
} {
  if (typeof options !== 'object' || options === null) {
    throw new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      // A text may be a URL with a password in it.
      `The options of the cache must be an object, as in createCache({ redis: … }); received a value of type ${typeof options}`,
      { details: { option: 'options', range: 'an object' } },
    );
  }
  const unknown = Object.keys(options).find(name => !Object.hasOwn(known, name));
  if (unknown !== undefined) {
    throw noSuchOption('the cache', unknown, Object.keys(known));
  }
  const {
    prefix = cacheDefaults.prefix,
    redisTimeoutMs = cacheDefaults.redisTimeoutMs,
    memory = {},
    journal,
    enabled = true,
    logger,
  } = options;
  if (typeof memory !== 'object' || memory === null) throw invalid('memory', 'an object', memory);
  const inMemory = Object.keys(memory).find(name => !Object.hasOwn(knownOfMemory, name));
  if (inMemory !== undefined) throw noSuchOption('the cache', `memory.${inMemory}`, memoryNames);
  if (journal !== undefined && (typeof journal !== 'string' || journal === ''))
    throw invalid('journal', 'a path', journal);
  checkEnabled(enabled);
  if (logger !== undefined && !isLogger(logger))
    throw invalid('logger', 'an object with the methods debug, info, warn, error', logger);
  const { maxItems = cacheDefaults.maxItems, maxBytes = cacheDefaults.maxBytes } = memory;
  // Colons part the parts of a key.
  if (typeof prefix !== 'string' || !/^[^\s:]{1,100}$/.test(prefix)) {
    throw invalid('prefix', '1 to 100 characters without spaces or colons', prefix);
  }
  return {
    prefix,
    redisTimeoutMs: within('redisTimeoutMs', redisTimeoutMs, 1, 10_000),
    maxItems: within('memory.maxItems', maxItems, 1, 100_000_000),
    maxBytes: within('memory.maxBytes', maxBytes, 1024, Number.MAX_SAFE_INTEGER),
  };
}

/** A text of any kind would mean on. @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkEnabled(enabled: unknown): void {
  if (typeof enabled !== 'boolean') throw invalid('enabled', 'true or false', enabled);
}

function within(option: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number;
  throw invalid(option, `a whole number from ${least} to ${most}`, value);
}

function invalid(option: string, range: string, value: unknown): SpillwayError {
  const plain = typeof value === 'string' || typeof value === 'number';
  const received = plain ? JSON.stringify(value).slice(0, 100) : `a value of type ${typeof value}`;
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of the cache must be ${range}; received ${received}`,
    {
      details: { option, range },
    },
  );
}
