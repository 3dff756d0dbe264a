import { SpillwayError } from '../shared/errors.ts';

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
