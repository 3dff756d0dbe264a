import { SpillwayError } from '../../shared/errors.ts';
import { noSuchOption } from '../../shared/unknown-option.ts';
import type { DedupeOptions } from './answers.ts';

const MOST_BYTES = 1 << 28;

const known = {
  cache: true,
  name: true,
  ttl: true,
  key: true,
  maxBytes: true,
} as const satisfies Record<keyof DedupeOptions<never>, true>;

/** What `ttl` and `name` may be, the namespace checks. @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkDedupeOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object { cache, name }', options);
  const unknown = Object.keys(options).find(option => !Object.hasOwn(known, option));
  if (unknown !== undefined) throw noSuchOption('a dedupe', unknown, Object.keys(known));
  const { cache, name, key, maxBytes = 1 } = options as Record<keyof typeof known, unknown>;
  if (typeof (cache as { namespace?: unknown } | null | undefined)?.namespace !== 'function')
    throw invalid('cache', 'spillway.caches, or what createCache made', cache);
  if (typeof name !== 'string') throw invalid('name', 'a text, the name of a cache namespace', name);
  if (key !== undefined && typeof key !== 'function') throw invalid('key', 'a function', key);
  if (!Number.isInteger(maxBytes) || (maxBytes as number) < 1 || (maxBytes as number) > MOST_BYTES)
    throw invalid('maxBytes', `a whole number from 1 to ${MOST_BYTES}`, maxBytes, ` ${name}`);
}

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkDeduped(fn: unknown): void {
  if (typeof fn !== 'function') throw invalid('fn', 'a function: what is to be called once', fn);
}

function invalid(option: string, range: string, value: unknown, name = ''): SpillwayError {
  const received = typeof value === 'number' ? String(value) : `a value of type ${typeof value}`;
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of a dedupe${name} must be ${range}; received ${received}`,
    { details: { option, range } },
  );
}
