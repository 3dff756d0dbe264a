import { keep } from '../entry/value.ts';
import type { Cache, CacheNamespace, Duration } from '../types.ts';
import { canonicalKey } from './canonical-key.ts';
import { checkDedupeOptions } from './options.ts';

export interface DedupeOptions<A extends unknown[]> {
  cache: Cache;
  /** The cache namespace; one for each function. */
  name: string;
  /** How long an answer is given again. Default 1 hour. */
  ttl?: Duration;
  /**
   * What makes two calls equal; undefined: this one is made in any case. Whatever changes the answer belongs in it: model,
   * temperature, the user whose data it speaks of. Default: all arguments, exactly.
   */
  key?: (...args: A) => string | undefined;
  /** Answers that take more memory are passed on, and not kept. Bytes, 1 to 268435456, default 1 MiB. */
  maxBytes?: number;
}

const DEFAULT_TTL = '1h';
const DEFAULT_MAX_BYTES = 1 << 20;

/** What is kept under the keys of one function: wrapped, so that null is an answer like any other. */
export class Answers<A extends unknown[], T> {
  readonly maxBytes: number;
  readonly #key: (...args: A) => string | undefined;
  readonly #cache: Cache;
  readonly #namespace: CacheNamespace<string, { answer: T }, { answer: T } | undefined>;

  /** @throws SpillwayError SPILLWAY_INVALID_OPTION, SPILLWAY_CACHE_NAMESPACE */
  constructor(options: DedupeOptions<A>) {
    checkDedupeOptions(options);
    const { cache, name, ttl = DEFAULT_TTL, key, maxBytes = DEFAULT_MAX_BYTES } = options;
    this.maxBytes = maxBytes;
    this.#key = key ?? ((...args) => canonicalKey(args));
    this.#cache = cache;
    this.#namespace = cache.namespace<string, { answer: T }>(name, { ttl });
  }

  /** Undefined: not to be shared. */
  key(...args: A): string | undefined {
    return this.#key(...args);
  }

  /** With the cache off there is none: this namespace has no loader, which is what the switch knows by itself. */
  async find(key: string): Promise<{ answer: T } | undefined> {
    return this.#cache.enabled ? this.#namespace.get(key) : undefined;
  }

  /** The answer as it is kept; as it came where it is too large, or JSON cannot carry it. */
  store(key: string, answer: T): T {
    const kept = keepable(answer);
    if (kept === undefined || kept.bytes > this.maxBytes) return answer;
    if (!this.#cache.enabled) return kept.value as T;
    this.#namespace.set(key, { answer: kept.value as T }).catch(() => {
      // The cache was closed meanwhile: the caller has its answer all the same.
    });
    return kept.value as T;
  }
}

function keepable(answer: unknown) {
  try {
    return keep(answer);
  } catch {
    return undefined;
  }
}
