import { SpillwayError } from '../shared/errors.ts';
import { misspeltVariables, type ParsedEnvironment, parseEnvironment, redisNames } from './environment.ts';
import { checkOptions } from './options.ts';
import { unknownRedisOptions } from './redis-options.ts';
import { clusterPrefix, redisOptionsOf } from './redis-target.ts';
import {
  type Config,
  type ConfigOptions,
  type ConfigWarning,
  type EngineName,
  engineNames,
  type RedisTarget,
} from './types.ts';

export const configDefaults = {
  file: './spillway.db',
  prefix: 'bull',
  shutdownTimeoutMs: 30_000,
  redisTuning: { maxRetries: 3, retryDelayMs: 100 },
} as const satisfies Partial<Config> & { file: string };

/**
 * Puts options, environment and defaults together, in this order of precedence.
 * Throws SPILLWAY_INVALID_OPTION or SPILLWAY_INVALID_CONFIG, never with a secret in it.
 */
export function resolveConfig(options: ConfigOptions = {}): Config {
  checkOptions(options);
  const given = options.environment ?? process.env;
  // Another engine asked for in code does not stumble over what a platform says of some Redis (REDIS_PORT=tcp://…).
  const withoutRedis = options.engine === 'sqlite' || options.engine === 'postgres';
  const environment = parseEnvironment(given, withoutRedis ? redisNames : []);
  const warnings: ConfigWarning[] = [];
  for (const { name, meant } of misspeltVariables(given)) {
    warnings.push({ name: 'misspelt-variable', message: `${name} is not read; did you mean ${meant}?` });
  }
  const redis = redisAddress(options, environment, warnings);
  const postgres = options.postgres ?? environment.POSTGRES_URL;
  const primary = redis.source === undefined && postgres !== undefined ? 'postgres' : 'redis';
  const asked = askedEngine(options, environment);
  const chosen = chooseEngine(options, environment, redis.source, primary, warnings);
  const usesRedis = chosen.engine === 'redis' || (chosen.engine === 'failover' && primary === 'redis');
  const unused = asked === chosen.engine && !usesRedis && redisNames.find(name => given[name]?.trim());
  const reason = unused ? `${chosen.reason}; ${unused} is set, but not used` : chosen.reason;

  if (chosen.engine === 'postgres' && postgres === undefined) {
    throw new SpillwayError(
      'SPILLWAY_INVALID_CONFIG',
      'The engine is postgres, but neither the option postgres nor POSTGRES_URL says where it is',
      { details: { variable: 'POSTGRES_URL' } },
    );
  }
  const file = options.sqlite?.file ?? environment.SPILLWAY_FILE ?? configDefaults.file;
  if (chosen.engine === 'failover' && file === ':memory:') {
    warnings.push({
      name: 'standby-in-memory',
      message:
        'The standby is in memory: jobs it takes while the primary is away are lost with the process; set SPILLWAY_FILE to a path',
    });
  }
  const standsInForRedis =
    chosen.engine === 'sqlite' && (redis.source !== undefined || asked === 'redis' || asked === 'failover');
  const prefix = options.prefix ?? configDefaults.prefix;
  const onCluster = (usesRedis || standsInForRedis) && redis.options.cluster !== undefined;
  const concurrency = environment.CONCURRENCY;
  const journal = environment.SPILLWAY_JOURNAL;
  const alertWebhookUrl = environment.REDIS_ALERT_WEBHOOK_URL;
  return {
    engine: chosen.engine,
    engineReason: reason,
    sqlite: {
      ...definedOnly(options.sqlite ?? {}),
      file,
    },
    redis: redis.options,
    redisTuning: {
      maxRetries: environment.REDIS_MAX_RETRIES ?? configDefaults.redisTuning.maxRetries,
      retryDelayMs: environment.REDIS_RETRY_DELAY ?? configDefaults.redisTuning.retryDelayMs,
    },
    postgres,
    failover: {
      ...(journal === undefined ? {} : { journal }),
      ...definedOnly(options.failover ?? {}),
      primary,
    },
    standsInForRedis,
    prefix: onCluster ? clusterPrefix(prefix) : prefix,
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? configDefaults.shutdownTimeoutMs,
    worker: {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(environment.WORKER_ID === undefined ? {} : { name: environment.WORKER_ID }),
    },
    cache: { enabled: environment.DISABLE_CACHE !== true },
    monitoring: {
      enabled: environment.REDIS_MONITORING_ENABLED ?? true,
      ...(alertWebhookUrl === undefined ? {} : { alertWebhookUrl }),
    },
    warnings,
    // Those of a Redis that is not used as well: they may still appear in something that is logged.
    secrets: secretsOf(redis.options, postgres, alertWebhookUrl, given),
  };
}

interface RedisAddress {
  options: RedisTarget;
  /** The option or variable that says a Redis is there; undefined when nothing does. */
  source: string | undefined;
}

function redisAddress(
  options: ConfigOptions,
  environment: ParsedEnvironment,
  warnings: ConfigWarning[],
): RedisAddress {
  if (options.redis !== undefined) {
    const given = redisOptionsOf(options.redis);
    if ([given.tls, given.sentinelTLS].some(tls => tls?.rejectUnauthorized === false)) {
      warnings.push({
        name: 'redis-tls-unverified',
        message:
          'The Redis certificate is not verified (tls.rejectUnauthorized is false): anyone in between can read along',
      });
    }
    const unknown = unknownRedisOptions(given);
    if (unknown.length > 0) {
      warnings.push({
        name: 'redis-unknown-option',
        message: `Unknown option of redis: ${unknown.join(', ')}; it is handed to ioredis, which ignores what it does not know`,
      });
    }
    return { options: given, source: 'the option redis is set' };
  }
  const password = environment.REDIS_PASSWORD;
  if (environment.REDIS_URL !== undefined) {
    const url = redisOptionsOf(environment.REDIS_URL);
    const elsewhere = environment.REDIS_HOST !== undefined && environment.REDIS_HOST !== url.host;
    const otherPort = environment.REDIS_PORT !== undefined && environment.REDIS_PORT !== url.port;
    if (elsewhere || otherPort) {
      warnings.push({
        name: 'redis-url-and-host',
        message: `REDIS_URL and ${elsewhere ? 'REDIS_HOST' : 'REDIS_PORT'} name different places; REDIS_URL is used`,
      });
    }
    if (url.db !== undefined && environment.REDIS_DB !== undefined && url.db !== environment.REDIS_DB) {
      warnings.push({
        name: 'redis-url-and-db',
        message: `REDIS_URL names database ${url.db} and REDIS_DB ${environment.REDIS_DB}; that of REDIS_URL is used`,
      });
    }
    if (password !== undefined && url.password !== undefined && url.password !== password) {
      warnings.push({
        name: 'redis-url-and-password',
        message: 'REDIS_URL and REDIS_PASSWORD hold different passwords; that of REDIS_URL is used',
      });
    }
    return {
      options: {
        ...(password === undefined ? {} : { password }),
        ...databaseFor(url, environment.REDIS_DB),
        ...url,
      },
      source: 'REDIS_URL is set',
    };
  }
  const source = (['REDIS_HOST', 'REDIS_PORT'] as const).find(name => environment[name] !== undefined);
  return {
    options: {
      host: environment.REDIS_HOST ?? '127.0.0.1',
      port: environment.REDIS_PORT ?? 6379,
      ...(password === undefined ? {} : { password }),
      ...(environment.REDIS_DB === undefined ? {} : { db: environment.REDIS_DB }),
    },
    source: source && `${source} is set`,
  };
}

/** REDIS_DB, for a URL that names none. */
function databaseFor(url: RedisTarget, db: number | undefined): { db?: number } {
  if (db === undefined || (url.cluster && db === 0)) return {};
  if (!url.cluster) return { db };
  const range = 'absent or 0: a cluster has no other database';
  throw new SpillwayError(
    'SPILLWAY_INVALID_CONFIG',
    `Environment variable REDIS_DB must be ${range}; received "${db}", and REDIS_URL is that of a cluster`,
    { details: { variable: 'REDIS_DB', range } },
  );
}

/** The names that switch Redis on when true and off when false. */
const onSwitches = ['REDIS_ENABLED', 'BULLMQ_ENABLED', 'USE_BULLMQ', 'ENABLE_QUEUES'] as const;
/** The other way round. */
const offSwitches = ['DISABLE_QUEUES'] as const;

function readSwitches(environment: ParsedEnvironment): { on: string[]; off: string[] } {
  const on: string[] = [];
  const off: string[] = [];
  for (const name of onSwitches) {
    if (environment[name] !== undefined) (environment[name] ? on : off).push(`${name}=${environment[name]}`);
  }
  for (const name of offSwitches) {
    if (environment[name] !== undefined) (environment[name] ? off : on).push(`${name}=${environment[name]}`);
  }
  return { on, off };
}

/** The engine that is asked for by name; options win. */
function askedEngine(options: ConfigOptions, environment: ParsedEnvironment): EngineName | undefined {
  const asked = [options.engine, environment.SPILLWAY_ENGINE].find(
    name => name !== undefined && name !== 'auto',
  );
  return asked as EngineName | undefined;
}

function chooseEngine(
  options: ConfigOptions,
  environment: ParsedEnvironment,
  redisSource: string | undefined,
  primary: 'redis' | 'postgres',
  warnings: ConfigWarning[],
): { engine: EngineName; reason: string } {
  const { on, off } = readSwitches(environment);
  const switchedOff = {
    engine: 'sqlite',
    reason: `Redis is switched off by ${off.join(', ')}; jobs that an outage left in the file are worked off from it`,
  } as const;
  if (on.length > 0 && off.length > 0) {
    warnings.push({
      name: 'contradictory-switches',
      message: `${on.join(', ')} switches Redis on and ${off.join(', ')} switches it off; the safer one wins: off`,
    });
  }
  const asked = askedEngine(options, environment);
  const asksForRedis = asked === 'redis' || (asked === 'failover' && primary === 'redis');
  if (asked === 'failover' && options.redis !== undefined && options.postgres !== undefined) {
    throw severalServers('leave out the one that is not to be the primary', 'only one of redis and postgres');
  }
  if (asked !== undefined && !asksForRedis && on.length > 0 && off.length === 0) {
    const inCode = options.engine === asked;
    warnings.push({
      name: inCode ? 'switch-overruled' : 'contradictory-switches',
      message: `${on.join(', ')} switches Redis on, but ${inCode ? `the option engine is ${asked}` : `SPILLWAY_ENGINE=${asked}`} and no job is kept in Redis; leave one of them out`,
    });
  }
  if (asked !== undefined && options.engine === asked) {
    // Failover has the file to go on with, so it obeys; an engine that has nothing but Redis can't.
    if (asked === 'failover' && asksForRedis && off.length > 0) return switchedOff;
    if (asked === 'redis' && off.length > 0) {
      warnings.push({
        name: 'switch-overruled',
        message: `${off.join(', ')} switches Redis off, but the option engine is redis and wins over the environment`,
      });
    }
    return { engine: asked, reason: `the option engine is ${asked}` };
  }
  if (asked !== undefined && !(asksForRedis && off.length > 0)) {
    return { engine: asked, reason: `SPILLWAY_ENGINE is ${asked}` };
  }
  if (asked !== undefined) {
    warnings.push({
      name: 'contradictory-switches',
      message: `SPILLWAY_ENGINE=${asked} and ${off.join(', ')} contradict each other; the safer one wins: Redis is off`,
    });
    return switchedOff;
  }
  if (options.redis !== undefined && options.postgres !== undefined) {
    throw severalServers('say with the option engine which one keeps the jobs', engineNames.join(', '));
  }
  if (redisSource !== undefined && off.length === 0) return { engine: 'failover', reason: redisSource };
  if (options.postgres !== undefined) return { engine: 'postgres', reason: 'the option postgres is set' };
  if (redisSource !== undefined) return switchedOff;
  if (on.length > 0 && off.length === 0) {
    warnings.push({
      name: 'switch-without-redis',
      message: `${on.join(', ')} asks for Redis, but none is configured; set REDIS_URL`,
    });
  }
  return { engine: 'sqlite', reason: 'no Redis is configured' };
}

function severalServers(mend: string, range: string): SpillwayError {
  return new SpillwayError('SPILLWAY_INVALID_OPTION', `Options redis and postgres are both set; ${mend}`, {
    details: { option: 'engine', range },
  });
}

function secretsOf(
  redis: RedisTarget,
  postgres: Config['postgres'],
  alertUrl: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const { REDIS_PASSWORD, REDIS_URL } = environment;
  const found: unknown[] = [
    redis.password,
    redis.sentinelPassword,
    passwordIn(REDIS_URL?.trim()),
    REDIS_PASSWORD?.trim(),
    alertUrl,
  ];
  if (typeof postgres === 'object') {
    const { password, connectionString } = postgres as { password?: unknown; connectionString?: unknown };
    found.push(password, passwordIn(connectionString));
  } else {
    found.push(passwordIn(postgres));
  }
  return [...new Set(found.filter(each => typeof each === 'string' && each !== ''))] as string[];
}

function passwordIn(url: unknown): string | undefined {
  if (typeof url !== 'string') return undefined;
  // Several hosts are no URL to Node.
  const password = URL.canParse(url)
    ? new URL(url).password
    : (/^[^:/]+:\/\/[^:/]*:(.*)@/.exec(url)?.[1] ?? '');
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}

function definedOnly<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}
