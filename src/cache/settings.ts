import { durationRange, parseDuration } from '../shared/duration.ts';
import { SpillwayError } from '../shared/errors.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
import type { Keys } from './entry/codec.ts';
import type { KeyRing, NamespaceOptions } from './types.ts';

/** Options of a namespace, checked and completed; spans in ms. */
export interface Settings<K, V> {
  ttlMs: (value: V, key: K) => number;
  load: NamespaceOptions<K, V>['load'];
  loadMany: NamespaceOptions<K, V>['loadMany'];
  batchSize: number;
  key: NamespaceOptions<K, V>['key'];
  tags: NamespaceOptions<K, V>['tags'];
  graceMs: number;
  softTimeoutMs: number;
  hardTimeoutMs: number;
  eagerRefresh: number;
  jitter: number;
  nullTtlMs: number;
  errorTtlMs: number;
  maxLoads: number;
  lock: boolean;
  compressAbove: number;
  encryption: Keys | undefined;
  schema: number;
  memory: boolean;
  redis: boolean;
  copy: boolean;
}

export const namespaceDefaults = {
  batchSize: 100,
  grace: 0,
  softTimeout: 0,
  hardTimeout: 10_000,
  eagerRefresh: 1,
  jitter: 0.1,
  errorTtl: 1_000,
  maxLoads: 100,
  lock: false,
  compressAbove: Number.POSITIVE_INFINITY,
  schema: 1,
  memory: true,
  redis: true,
  copy: false,
} as const satisfies Partial<NamespaceOptions<never, never>>;

const known = {
  ttl: true,
  load: true,
  loadMany: true,
  batchSize: true,
  key: true,
  tags: true,
  grace: true,
  softTimeout: true,
  hardTimeout: true,
  eagerRefresh: true,
  jitter: true,
  nullTtl: true,
  errorTtl: true,
  maxLoads: true,
  lock: true,
  compressAbove: true,
  encryption: true,
  schema: true,
  memory: true,
  redis: true,
  copy: true,
} as const satisfies Record<keyof NamespaceOptions<never, never>, true>;

const YEAR_MS = 365 * 86_400_000;
const MONTH_MS = 30 * 86_400_000;

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function settingsOf<K, V>(namespace: string, given: NamespaceOptions<K, V>): Settings<K, V> {
  const check = new Check(namespace);
  if (typeof given !== 'object' || given === null) throw check.invalid('options', 'an object', given);
  const options = { ...namespaceDefaults, ...definedOnly(given) };
  const unknown = Object.keys(options).find(name => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw check.unknown(unknown);
  for (const name of ['load', 'loadMany', 'key', 'tags'] as const) check.function(name, options[name]);
  if (options.load && options.loadMany) throw check.invalid('loadMany', 'absent where load is set', 'both');
  return {
    ttlMs: ttlOf(check, options.ttl),
    load: options.load,
    loadMany: options.loadMany,
    key: options.key,
    tags: options.tags,
    graceMs: check.span('grace', options.grace, 0, MONTH_MS),
    softTimeoutMs: check.span('softTimeout', options.softTimeout, 0, 600_000),
    hardTimeoutMs: check.span('hardTimeout', options.hardTimeout, 1, 600_000),
    nullTtlMs: check.span('nullTtl', options.nullTtl ?? shortNull(options.ttl), 0, YEAR_MS),
    errorTtlMs: check.span('errorTtl', options.errorTtl, 0, 3_600_000),
    batchSize: check.whole('batchSize', options.batchSize, 1, 10_000),
    maxLoads: check.whole('maxLoads', options.maxLoads, 1, 100_000),
    schema: check.whole('schema', options.schema, 0, 1_000_000),
    eagerRefresh: check.number('eagerRefresh', options.eagerRefresh, 0, 1),
    jitter: check.number('jitter', options.jitter, 0, 0.5),
    compressAbove: check.number('compressAbove', options.compressAbove, 0, Number.POSITIVE_INFINITY),
    encryption: options.encryption === undefined ? undefined : keysOf(check, options.encryption),
    lock: check.boolean('lock', options.lock),
    memory: check.boolean('memory', options.memory),
    redis: check.boolean('redis', options.redis),
    copy: check.boolean('copy', options.copy),
  };
}

/** Checks one span that is given with a call. @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function ttlInMs(namespace: string, ttl: unknown): number {
  return new Check(namespace).span('ttl', ttl, 1, YEAR_MS);
}

function ttlOf<K, V>(check: Check, ttl: NamespaceOptions<K, V>['ttl']): Settings<K, V>['ttlMs'] {
  if (typeof ttl === 'function') return (value, key) => check.span('ttl', ttl(value, key), 1, YEAR_MS);
  const ms = check.span('ttl', ttl, 1, YEAR_MS);
  return () => ms;
}

/** "There is none" is kept for a shorter time: it is what changes first. */
function shortNull(ttl: unknown): number {
  const longest = 30_000;
  return typeof ttl === 'function' ? longest : Math.min(longest, parseDuration(ttl) ?? longest);
}

const idRange = 'the name of one of its keys, 1 to 32 bytes';

/** Whoever gives nothing where a key should be, from an environment that lacks it, must not store what everybody can read. */
function keysOf(check: Check, ring: KeyRing): Keys {
  if (typeof ring !== 'object' || ring === null)
    throw check.invalid('encryption', 'an object { current, keys }', ring === null ? null : 'another');
  const { current, keys } = ring;
  const known = new Map<string, Uint8Array>();
  for (const [id, key] of Object.entries(keys ?? {})) {
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key;
    const fits = bytes instanceof Uint8Array && bytes.length === 32;
    // Not a word of the key itself.
    if (!fits)
      throw check.invalid('encryption.keys', '32 bytes each, or a text in base64 of 32 bytes', 'another');
    if (id === '' || Buffer.byteLength(id) > 32)
      throw check.invalid('encryption.keys', 'named with 1 to 32 bytes', id);
    known.set(id, bytes);
  }
  if (!known.has(current)) throw check.invalid('encryption.current', idRange, current);
  return { current, keys: known };
}

class Check {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  span(option: string, value: unknown, least: number, most: number): number {
    const ms = parseDuration(value);
    if (ms !== undefined && ms >= least && ms <= most) return ms;
    throw this.invalid(option, `${durationRange}; ${least} to ${most} ms`, value);
  }

  whole(option: string, value: unknown, least: number, most: number): number {
    if (Number.isInteger(value)) return this.number(option, value, least, most);
    throw this.invalid(option, `a whole number from ${least} to ${most}`, value);
  }

  number(option: string, value: unknown, least: number, most: number): number {
    if (typeof value === 'number' && value >= least && value <= most) return value;
    throw this.invalid(option, `a number from ${least} to ${most}`, value);
  }

  boolean(option: string, value: unknown): boolean {
    if (typeof value === 'boolean') return value;
    throw this.invalid(option, 'true or false', value);
  }

  function(option: string, value: unknown): void {
    if (value !== undefined && typeof value !== 'function') throw this.invalid(option, 'a function', value);
  }

  unknown(option: string): SpillwayError {
    const namespace = this.#namespace;
    return noSuchOption(`the cache namespace ${namespace}`, option, Object.keys(known), { namespace });
  }

  invalid(option: string, range: string, value: unknown): SpillwayError {
    const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    const received = plain ? JSON.stringify(value).slice(0, 100) : `a value of type ${typeof value}`;
    return new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `Option ${option} of the cache namespace ${this.#namespace} must be ${range}; received ${received}`,
      { details: { option, namespace: this.#namespace, range } },
    );
  }
}

function definedOnly<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}
