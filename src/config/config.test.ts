import { describe, expect, it } from 'vitest';
import { isSpillwayError } from '../shared/errors.ts';
import { type ConfigOptions, environmentNames, resolveConfig } from './index.ts';

const resolve = (environment: Record<string, string> = {}, options: ConfigOptions = {}) =>
  resolveConfig({ ...options, environment });

const failure = (run: () => unknown): Error => {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not throw');
};

describe('the engine', () => {
  it.each<[Record<string, string>, ConfigOptions, string, string]>([
    [{}, {}, 'sqlite', 'no Redis is configured'],
    [{ REDIS_URL: 'redis://h' }, {}, 'failover', 'REDIS_URL is set'],
    [{ REDIS_HOST: 'h' }, {}, 'failover', 'REDIS_HOST is set'],
    [{ REDIS_PASSWORD: 'pw' }, {}, 'sqlite', 'no Redis is configured'],
    [{}, { redis: 'redis://h' }, 'failover', 'the option redis is set'],
    [
      { SPILLWAY_ENGINE: 'sqlite', REDIS_URL: 'redis://h' },
      { engine: 'auto' },
      'sqlite',
      'SPILLWAY_ENGINE is sqlite; REDIS_URL is set, but not used',
    ],
    [{ SPILLWAY_ENGINE: 'Auto', REDIS_URL: 'redis://h' }, {}, 'failover', 'REDIS_URL is set'],
    [{ SPILLWAY_ENGINE: 'failover' }, {}, 'failover', 'SPILLWAY_ENGINE is failover'],
    [{}, { engine: 'failover' }, 'failover', 'the option engine is failover'],
    [{ REDIS_URL: 'redis://h' }, { engine: 'redis' }, 'redis', 'the option engine is redis'],
    [
      { REDIS_URL: 'redis://h', REDIS_ENABLED: 'false' },
      {},
      'sqlite',
      'Redis is switched off by REDIS_ENABLED=false; jobs that an outage left in the file are worked off from it',
    ],
    [
      { REDIS_URL: 'redis://h', DISABLE_QUEUES: '1' },
      {},
      'sqlite',
      'Redis is switched off by DISABLE_QUEUES=true; jobs that an outage left in the file are worked off from it',
    ],
    [
      { REDIS_URL: 'redis://h', ENABLE_QUEUES: 'no' },
      {},
      'sqlite',
      'Redis is switched off by ENABLE_QUEUES=false; jobs that an outage left in the file are worked off from it',
    ],
    [{ REDIS_URL: 'redis://h', DISABLE_QUEUES: 'off' }, {}, 'failover', 'REDIS_URL is set'],
    [{ SPILLWAY_ENGINE: 'REDIS' }, {}, 'redis', 'SPILLWAY_ENGINE is redis'],
    [
      { SPILLWAY_ENGINE: 'sqlite', REDIS_URL: 'redis://h' },
      {},
      'sqlite',
      'SPILLWAY_ENGINE is sqlite; REDIS_URL is set, but not used',
    ],
    [
      { REDIS_PORT: 'tcp://10.0.0.7:6379' },
      { engine: 'sqlite' },
      'sqlite',
      'the option engine is sqlite; REDIS_PORT is set, but not used',
    ],
    [{ SPILLWAY_ENGINE: 'redis' }, { engine: 'sqlite' }, 'sqlite', 'the option engine is sqlite'],
    [{}, { postgres: 'postgres://h/db' }, 'postgres', 'the option postgres is set'],
    [{ POSTGRES_URL: 'postgres://h/db' }, {}, 'sqlite', 'no Redis is configured'],
    [
      { POSTGRES_URL: 'postgres://h/db', SPILLWAY_ENGINE: 'postgres' },
      {},
      'postgres',
      'SPILLWAY_ENGINE is postgres',
    ],
  ])('%j with options %j: %s, because %s', (environment, options, engine, reason) => {
    const config = resolve(environment, options);
    expect([config.engine, config.engineReason]).toEqual([engine, reason]);
  });

  it.each<[Record<string, string>, ConfigOptions, string, string]>([
    [
      { REDIS_URL: 'redis://h', USE_BULLMQ: 'true', DISABLE_QUEUES: 'true' },
      {},
      'sqlite',
      'contradictory-switches',
    ],
    [{ SPILLWAY_ENGINE: 'redis', BULLMQ_ENABLED: 'false' }, {}, 'sqlite', 'contradictory-switches'],
    [{ USE_BULLMQ: 'true' }, {}, 'sqlite', 'switch-without-redis'],
    [{ DISABLE_QUEUES: 'true' }, { engine: 'redis' }, 'redis', 'switch-overruled'],
    [{ REDIS_URL: 'redis://a', REDIS_HOST: 'b' }, {}, 'failover', 'redis-url-and-host'],
    [{}, { redis: { tls: { rejectUnauthorized: false } } }, 'failover', 'redis-tls-unverified'],
    [{ SPILLWAY_ENGINE: 'failover', USE_BULLMQ: 'false' }, {}, 'sqlite', 'contradictory-switches'],
    [{ REDIS_URL: 'redis://a', SPILLWAY_FILE: ':memory:' }, {}, 'failover', 'standby-in-memory'],
  ])('%j with options %j: %s, and a warning %s', (environment, options, engine, warning) => {
    const config = resolve(environment, options);
    expect([config.engine, config.warnings.map(each => each.name)]).toEqual([engine, [warning]]);
  });

  it('refuses to guess between two servers, and postgres without a place', () => {
    const both = failure(() => resolve({}, { redis: 'redis://h', postgres: 'postgres://h/db' }));
    expect(isSpillwayError(both, 'SPILLWAY_INVALID_OPTION')).toBe(true);
    const nowhere = failure(() => resolve({ SPILLWAY_ENGINE: 'postgres' }));
    expect(isSpillwayError(nowhere, 'SPILLWAY_INVALID_CONFIG')).toBe(true);
  });
});

describe('the failover engine', () => {
  it.each<[Record<string, string>, ConfigOptions, 'redis' | 'postgres']>([
    [{}, {}, 'redis'],
    [{ REDIS_URL: 'redis://h', POSTGRES_URL: 'postgres://h/db' }, {}, 'redis'],
    [{ REDIS_URL: 'redis://h' }, { postgres: 'postgres://h/db' }, 'redis'],
    [{ POSTGRES_URL: 'postgres://h/db' }, {}, 'postgres'],
    [{}, { postgres: 'postgres://h/db' }, 'postgres'],
    [{ POSTGRES_URL: 'postgres://h/db', DISABLE_QUEUES: 'true' }, {}, 'postgres'],
  ])('%j with options %j: its primary is %s', (environment, options, primary) => {
    const config = resolve(environment, { engine: 'failover', ...options });
    expect([config.engine, config.failover.primary]).toEqual(['failover', primary]);
  });

  it('is switched off by the environment though it was asked for in code: it has the file to go on with', () => {
    const off = resolve({ REDIS_URL: 'redis://h', DISABLE_QUEUES: 'true' }, { engine: 'failover' });
    expect([off.engine, off.standsInForRedis, off.warnings]).toEqual(['sqlite', true, []]);
    expect(off.engineReason).toBe(
      'Redis is switched off by DISABLE_QUEUES=true; jobs that an outage left in the file are worked off from it',
    );
    expect(resolve().standsInForRedis).toBe(false);
  });

  it('refuses to guess its primary', () => {
    const both = { engine: 'failover', redis: 'redis://h', postgres: 'postgres://h/db' } as const;
    expect(failure(() => resolve({}, both)).message).toContain('Options redis and postgres are both set');
  });

  it('takes its journal from the environment, the option first', () => {
    const environment = { SPILLWAY_JOURNAL: 'until-completed' };
    expect(resolve(environment, { failover: { deadlineMs: 100 } }).failover).toEqual({
      primary: 'redis',
      journal: 'until-completed',
      deadlineMs: 100,
    });
    expect(resolve(environment, { failover: { journal: 'off' } }).failover.journal).toBe('off');
  });
});

describe('precedence', () => {
  it('puts options before the environment, and the environment before defaults', () => {
    expect(resolve().sqlite.file).toBe('./spillway.db');
    expect(resolve({ SPILLWAY_FILE: '/data/a.db' }).sqlite.file).toBe('/data/a.db');
    expect(resolve({ SPILLWAY_FILE: '/data/a.db' }, { sqlite: { file: 'b.db' } }).sqlite.file).toBe('b.db');
  });

  it('puts together an address from its parts, and fills what a URL leaves out', () => {
    expect(
      resolve({ REDIS_HOST: 'h', REDIS_PORT: '7000', REDIS_PASSWORD: 'pw', REDIS_DB: '2' }).redis,
    ).toEqual({
      host: 'h',
      port: 7000,
      password: 'pw',
      db: 2,
    });
    const url = { REDIS_URL: 'redis://:inside@h/1', REDIS_PASSWORD: 'outside', REDIS_DB: '2' };
    expect(resolve(url).redis).toMatchObject({ password: 'inside', db: 1 });
    expect(resolve({ ...url, REDIS_URL: 'redis://h' }).redis).toMatchObject({ password: 'outside', db: 2 });
  });

  it('keeps the queues of a cluster on one node each by a prefix in braces', () => {
    const cluster = { REDIS_URL: 'redis+cluster://h', REDIS_PASSWORD: 'pw' };
    expect(resolve(cluster)).toMatchObject({
      prefix: '{bull}',
      redis: { cluster: [{ host: 'h', port: 6379 }], password: 'pw' },
    });
    expect(resolve(cluster, { prefix: 'app:{x}' }).prefix).toBe('app:{x}');
    expect(resolve(cluster, { prefix: 'app:{}' }).prefix).toBe('{app:{}}');
    expect(resolve({ REDIS_URL: 'redis://h' }).prefix).toBe('bull');
    expect(resolve(cluster, { engine: 'sqlite' }).prefix).toBe('bull');
    // The file must know the queues by the names an outage gave them.
    expect(resolve({ ...cluster, USE_BULLMQ: 'no' }).prefix).toBe('{bull}');
  });

  it('reads the rest', () => {
    const config = resolve({
      CONCURRENCY: '200',
      WORKER_ID: 'worker-7',
      DISABLE_CACHE: 'true',
      REDIS_MAX_RETRIES: '0',
      REDIS_RETRY_DELAY: '50',
      REDIS_MONITORING_ENABLED: 'false',
      REDIS_ALERT_WEBHOOK_URL: 'https://hooks.example/T0/secret',
    });
    expect(config).toMatchObject({
      worker: { concurrency: 200, name: 'worker-7' },
      cache: { enabled: false },
      monitoring: { enabled: false, alertWebhookUrl: 'https://hooks.example/T0/secret' },
      redisTuning: { maxRetries: 0, retryDelayMs: 50 },
    });
  });

  it('takes an empty or blank variable as absent', () => {
    expect(resolve({ REDIS_URL: '', CONCURRENCY: '  ' })).toMatchObject({ engine: 'sqlite', worker: {} });
  });

  it("takes the process's own environment, also as an option", () => {
    expect(resolveConfig({ environment: process.env }).engine).toBe('sqlite');
    const wrong = { environment: { PORT: 1 } } as unknown as ConfigOptions;
    expect(failure(() => resolveConfig(wrong)).message).toContain('Option environment must be');
  });

  it('reads the process environment only when no other is given', () => {
    expect(environmentNames.filter(name => process.env[name])).toEqual([]);
    expect(resolveConfig().engine).toBe('sqlite');
  });
});

describe('bad values', () => {
  it.each([
    ['REDIS_PORT', '65536', 'a whole number from 1 to 65535', '"65536"'],
    ['REDIS_PORT', '6379x', 'a whole number from 1 to 65535', '"6379x"'],
    ['REDIS_DB', '-1', 'a whole number from 0', '"-1"'],
    ['USE_BULLMQ', 'maybe', 'true, false, 1, 0', '"maybe"'],
    ['CONCURRENCY', '0', 'a whole number from 1', '"0"'],
    ['CONCURRENCY', '1e3', 'a whole number from 1', '"1e3"'],
    ['SPILLWAY_ENGINE', 'memory', 'auto, sqlite, redis, postgres, failover', '"memory"'],
    ['SPILLWAY_JOURNAL', 'always', 'off, until-persisted, until-completed', '"always"'],
    ['WORKER_ID', 'a b', 'without spaces', '"a b"'],
    ['REDIS_HOST', 'redis://h', 'without scheme', '"redis://h"'],
  ])('%s=%s is refused with its range', (name, value, range, received) => {
    const error = failure(() => resolve({ [name]: value }));
    expect(isSpillwayError(error, 'SPILLWAY_INVALID_CONFIG')).toBe(true);
    for (const part of [name, range, received]) expect(error.message).toContain(part);
  });

  it.each([
    ['REDIS_URL', 'redis//:hunter2@h'],
    ['REDIS_URL', 'http://u:hunter2@h'],
    ['REDIS_URL', 'redis://:hunter2@h/%'],
    ['POSTGRES_URL', 'mysql://u:hunter2@h'],
    ['REDIS_ALERT_WEBHOOK_URL', 'hunter2'],
  ])('%s never shows what it holds: %s', (name, value) => {
    const error = failure(() => resolve({ [name]: value }));
    expect(error.message).toContain(name);
    expect(JSON.stringify([error.message, error.stack, error.cause, error])).not.toContain('hunter2');
  });

  it.each<[unknown, string, string]>([
    [{ engine: 'memory' }, 'engine', '"memory"'],
    [{ shutdownTimeoutMs: -1 }, 'shutdownTimeoutMs', '-1'],
    [{ sqlite: { durability: 'none' } }, 'sqlite.durability', '"none"'],
    [{ sqlite: { path: 'x' } }, 'sqlite.path', 'no such option'],
    [{ prefix: '' }, 'prefix', '""'],
    [{ failover: { journal: 'on' } }, 'failover.journal', '"on"'],
    [{ failover: { deadlineMs: 10 } }, 'failover.deadlineMs', '10'],
    [{ failover: { drain: 1 } }, 'failover.drain', 'no such option'],
    [{ redis: 'http://u:hunter2@h' }, 'redis', 'not shown'],
    [{ redis: { keyPrefix: 'x:' } }, 'redis.keyPrefix', 'type string'],
    [{ redis: 'redis+sentinel://u:hunter2@h' }, 'redis', 'it names no master'],
    [{ redis: 7 }, 'redis', 'received 7'],
    [{ redis: { host: 'h', port: 'hunter2' } }, 'redis.port', 'type string'],
    [{ redis: { host: 'h', port: Number.NaN } }, 'redis.port', 'NaN'],
    [{ redis: { host: 'h', port: 65_536 } }, 'redis.port', '65536'],
    [{ redis: { sentinels: [{ host: 'h' }], password: 'hunter2' } }, 'redis.name', 'nothing'],
    [{ redis: { sentinels: [], name: 'main' } }, 'redis.sentinels', 'a list of 0'],
    [{ redis: { host: 'h', name: 'main' } }, 'redis.sentinels', 'nothing'],
    [{ redis: { cluster: [] } }, 'redis.cluster', 'a list of 0'],
    [{ redis: { cluster: [{ host: 'h', port: 1 }], host: 'h' } }, 'redis.cluster', 'a list of 1'],
    [{ redis: { cluster: [{ host: 'h', port: 1 }], db: 2 } }, 'redis.db', '2'],
    [{ postgres: 'mysql://u:hunter2@h' }, 'postgres', 'not shown'],
  ])('option %j is refused', (options, option, received) => {
    const error = failure(() => resolve({}, options as ConfigOptions));
    expect(isSpillwayError(error, 'SPILLWAY_INVALID_OPTION')).toBe(true);
    expect(error.message).toContain(`Option ${option} must be`);
    expect(error.message).toContain(received);
    expect(error.message).not.toContain('hunter2');
  });

  it('takes a port as a text, as ioredis does', () => {
    const redis = { host: 'h', port: '6380' } as object;
    expect(resolve({}, { redis }).redis).toEqual(redis);
  });

  it('has no database but 0 in a cluster', () => {
    const cluster = { REDIS_URL: 'redis+cluster://u:hunter2@h' };
    expect(resolve({ ...cluster, REDIS_DB: '0' }).redis).not.toHaveProperty('db');
    const error = failure(() => resolve({ ...cluster, REDIS_DB: '3' }));
    expect(isSpillwayError(error, 'SPILLWAY_INVALID_CONFIG')).toBe(true);
    expect(error.message).toContain('REDIS_DB must be absent or 0');
    expect(error.message).not.toContain('hunter2');
  });

  it('knows the secret of a URL with several hosts, used or not', () => {
    const environment = { REDIS_URL: 'redis+sentinel://u:hunter2%40@h,i/main', REDIS_ENABLED: 'false' };
    expect(resolve(environment).secrets).toEqual(['hunter2@']);
    expect(resolve(environment, { engine: 'sqlite' }).secrets).toEqual(['hunter2@']);
  });

  it('knows every secret it was given', () => {
    const config = resolve(
      { REDIS_URL: 'redis://:p%40ss@h', REDIS_ALERT_WEBHOOK_URL: 'https://hooks.example/x' },
      { postgres: 'postgres://u:pgpw@h/db', engine: 'postgres' },
    );
    expect(config.secrets).toEqual(['p@ss', 'https://hooks.example/x', 'pgpw']);
  });
});
