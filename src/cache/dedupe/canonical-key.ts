import { createHash } from 'node:crypto';
import { SpillwayError } from '../../shared/errors.ts';
import { keep } from '../entry/value.ts';

/**
 * One text for all lists of arguments that mean the same: the order of an object's properties does not count.
 * @throws SpillwayError SPILLWAY_CACHE_VALUE for arguments JSON cannot tell apart: two different ones must not share an answer.
 */
export function canonicalKey(args: readonly unknown[]): string {
  try {
    return createHash('sha256')
      .update(JSON.stringify(sorted(keep(args).value)))
      .digest('base64url');
  } catch (cause) {
    throw new SpillwayError(
      'SPILLWAY_CACHE_VALUE',
      `These arguments make no key: ${(cause as Error).message}; give dedupe the option key`,
      { cause },
    );
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map(name => [name, sorted((value as Record<string, unknown>)[name])]));
}
