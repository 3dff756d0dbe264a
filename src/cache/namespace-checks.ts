import { SpillwayError } from '../shared/errors.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
import type { GetOptions, SetOptions } from './types.ts';

export function closedError(): SpillwayError {
  return new SpillwayError('SPILLWAY_CLOSED', 'This cache is closed');
}

export function noLoader(namespace: string, call: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `${call}() of the cache namespace ${namespace} needs the option load or loadMany`,
    { details: { option: 'load', namespace } },
  );
}

const optionsOf = {
  get: ['load'],
  set: ['ttl', 'tags', 'wait'],
} as const satisfies { get: (keyof GetOptions<never, never>)[]; set: (keyof SetOptions)[] };

/** What is given with a call, beside the key: `set(key, value, '10m')` keeps it no ten minutes. @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkCall(namespace: string, call: keyof typeof optionsOf, options: object): void {
  const known: readonly string[] = optionsOf[call];
  const of = `${call}() of the cache namespace ${namespace}`;
  if (typeof options !== 'object' || options === null) {
    const range = `an object { ${known.join(', ')} }`;
    throw wrongCall(of, 'options', range, options, namespace);
  }
  for (const option in options) {
    if (!known.includes(option)) throw noSuchOption(of, option, known, { namespace });
  }
  const { load, wait } = options as { load?: unknown; wait?: unknown };
  if (load !== undefined && typeof load !== 'function')
    throw wrongCall(of, 'load', 'a function', load, namespace);
  if (wait !== undefined && typeof wait !== 'boolean')
    throw wrongCall(of, 'wait', 'true or false', wait, namespace);
}

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkKeys(namespace: string, keys: unknown): void {
  if (Array.isArray(keys)) return;
  throw wrongCall(`getMany() of the cache namespace ${namespace}`, 'keys', 'a list of keys', keys, namespace);
}

function wrongCall(of: string, option: string, range: string, value: unknown, namespace: string) {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of ${of} must be ${range}; received a value of type ${typeof value}`,
    { details: { option, namespace, range } },
  );
}

const MOST_TAGS = 100;
const LONGEST_TAG = 512;

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkTags(namespace: string, tags: readonly string[]): readonly string[] {
  const range = `a list of at most ${MOST_TAGS} texts of 1 to ${LONGEST_TAG} characters`;
  const fits = (tag: unknown) =>
    typeof tag === 'string' && tag !== '' && tag.length <= LONGEST_TAG && !/\p{Surrogate}/u.test(tag);
  if (Array.isArray(tags) && tags.length <= MOST_TAGS && tags.every(fits)) return tags;
  const received = Array.isArray(tags) ? `a list of ${tags.length}` : `a value of type ${typeof tags}`;
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `The tags of a value of the cache namespace ${namespace} must be ${range}; received ${received}`,
    { details: { option: 'tags', namespace, range } },
  );
}
