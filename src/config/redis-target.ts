import { SpillwayError } from '../shared/errors.ts';
import { mistakenRedisOption } from './redis-options.ts';
import { parseRedisUrl, redisUrlRange } from './redis-url.ts';
import type { RedisTarget } from './types.ts';

/**
 * Reads what a user gives as the address of a Redis: a URL, or options. Throws SPILLWAY_INVALID_OPTION for a text that is
 * no Redis URL and for options that are half of something: Sentinels without the name of their group, a cluster with a
 * database, BullMQ with a `keyPrefix`.
 */
export function redisOptionsOf(given: string | RedisTarget): RedisTarget {
  if (typeof given === 'string') {
    const parsed = parseRedisUrl(given);
    if ('options' in parsed) return parsed.options;
    const shown = `a text (not shown: it may hold a secret); ${parsed.reason}`;
    throw invalid('redis', range, shown);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given) || isClient(given)) {
    const received = isClient(given)
      ? 'a client'
      : `a value of type ${Array.isArray(given) ? 'list' : typeof given}`;
    throw invalid('redis', range, `${received}; every part opens its own connections`);
  }
  const mistaken = mistakenRedisOption(given);
  if (mistaken !== undefined) {
    const { option, meant } = mistaken;
    // Without its value, which may be a password.
    throw invalid(`redis.${option}`, 'absent: there is no such option', `one; it is called ${meant}`);
  }
  const wrong = faults.find(fault => fault.has(given));
  if (wrong === undefined) return { ...given };
  const [, field = ''] = wrong.option.split('.');
  const value: unknown = given[field as keyof RedisTarget];
  // A password may be a number by mistake.
  const open = typeof value === 'number' && (field === 'port' || field === 'db');
  throw invalid(wrong.option, wrong.range, open ? String(value) : show(value));
}

const range = `${redisUrlRange}, or ioredis options`;

/** BullMQ takes one where it asks for a connection. */
function isClient(given: unknown): boolean {
  const { duplicate, sendCommand } = (given ?? {}) as { duplicate?: unknown; sendCommand?: unknown };
  return typeof duplicate === 'function' || typeof sendCommand === 'function';
}

const faults: readonly { option: string; range: string; has(target: RedisTarget): boolean }[] = [
  {
    option: 'redis.keyPrefix',
    range: 'absent: BullMQ cannot work with it, use the option prefix',
    has: target => target.keyPrefix !== undefined,
  },
  {
    option: 'redis.port',
    range: 'a whole number from 1 to 65535',
    has: target => target.port != null && !isPort(target.port),
  },
  ...(['host', 'path', 'username', 'password', 'sentinelUsername', 'sentinelPassword'] as const).map(
    name => ({
      option: `redis.${name}`,
      range: 'a text',
      // A password of digits alone comes as a number from many a configuration file, and would not be the same one.
      has: (target: RedisTarget) => target[name] != null && typeof target[name] !== 'string',
    }),
  ),
  {
    option: 'redis.db',
    range: 'a whole number from 0 up',
    has: target => target.db != null && !isDatabase(target.db),
  },
  {
    option: 'redis.sentinels',
    range: 'a list of at least one { host, port }, with the name of their group',
    has: target => (target.sentinels != null || !!target.name) && !isList(target.sentinels),
  },
  {
    option: 'redis.name',
    range: 'the name of the group the Sentinels watch, as in "sentinel monitor <name>"',
    has: target => target.sentinels != null && !target.name,
  },
  {
    option: 'redis.cluster',
    range: 'a list of at least one { host, port }',
    has: target => target.cluster !== undefined && !isList(target.cluster),
  },
  {
    option: 'redis.cluster',
    range: 'absent where host, path or sentinels are given: they name one server',
    has: target => target.cluster !== undefined && !!(target.host || target.path || target.sentinels),
  },
  {
    option: 'redis.db',
    range: 'absent or 0: a cluster has no other database',
    has: target => target.cluster !== undefined && (target.db ?? 0) !== 0,
  },
];

/** ioredis takes texts, too: a port may come from an environment. */
function isPort(value: unknown): boolean {
  const port = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535;
}

function isDatabase(value: unknown): boolean {
  return /^\d{1,10}$/.test(String(value)) && (typeof value === 'string' || typeof value === 'number');
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(each => typeof each?.host === 'string');
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === null) return 'null';
  return value === undefined ? 'nothing' : `a value of type ${typeof value}`;
}

function invalid(option: string, range: string, received: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} must be ${range}; received ${received}`,
    { details: { option, range } },
  );
}

/**
 * A prefix whose keys all lie on one node of a cluster, as BullMQ's scripts need it: in braces, `{bull}`, unless it has a
 * part in braces already.
 */
export function clusterPrefix(prefix: string): string {
  return /^[^{]*\{[^}]+\}/.test(prefix) ? prefix : `{${prefix}}`;
}
