import { Answers, type DedupeOptions } from './answers.ts';
import { checkDeduped } from './options.ts';

/** What a provider chain takes as its option `dedupe`. */
export interface Deduplication<A extends unknown[], R> {
  /** What makes two questions equal; undefined: this one is asked in any case. */
  key(...args: A): string | undefined;
  /** The answer that is there, or on its way, or else what `load` gives. */
  share(key: string, load: () => Promise<R>): Promise<R>;
}

/**
 * Equal questions share one answer: while it is on its way within this process, and for `ttl` through the cache. What is
 * shared is plain data, frozen; failures go to those who wait and are never kept.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION; SPILLWAY_CACHE_NAMESPACE when the name is taken.
 */
export function deduplication<A extends unknown[], R>(options: DedupeOptions<A>): Deduplication<A, R> {
  const answers = new Answers<A, R>(options);
  const underWay = new Map<string, Promise<R>>();
  const find = async (key: string, load: () => Promise<R>): Promise<R> => {
    const known = await answers.find(key);
    return known === undefined ? answers.store(key, await load()) : known.answer;
  };
  return {
    key: (...args) => answers.key(...args),
    share(key, load) {
      const found = underWay.get(key);
      if (found !== undefined) return found;
      const finding = find(key, load).finally(() => underWay.delete(key));
      underWay.set(key, finding);
      return finding;
    },
  };
}

/**
 * The same function, for which equal calls share one answer: `const ask = dedupe(askModel, { cache, name: 'answers' })`. For
 * calls whose result is plain data and whose repetition costs something.
 *
 * @throws SpillwayError as `deduplication`; a call rejects with SPILLWAY_CACHE_VALUE when its arguments make no key.
 */
export function dedupe<A extends unknown[], R>(
  fn: (...args: A) => Promise<R>,
  options: DedupeOptions<A>,
): (...args: A) => Promise<R> {
  checkDeduped(fn);
  const shared = deduplication<A, R>(options);
  return async (...args) => {
    const key = shared.key(...args);
    return key === undefined ? fn(...args) : shared.share(key, async () => fn(...args));
  };
}
