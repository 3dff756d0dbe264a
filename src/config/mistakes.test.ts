import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { type ConfigOptions, resolveConfig } from './index.ts';

const resolve = (environment: Record<string, string>, options: object = {}) =>
  resolveConfig({ environment, ...options } as ConfigOptions);

describe('a Redis given as options', () => {
  it.each<[object, string, string]>([
    [{ hots: 'h' }, 'redis.hots', 'it is called host'],
    [{ passwrod: 'hunter2' }, 'redis.passwrod', 'it is called password'],
    [{ url: 'redis://:hunter2@h' }, 'redis.url', 'the option redis itself, which may be a URL'],
    [{ connection: { host: 'h' } }, 'redis.connection', 'give it what is in there'],
    [{ user: 'a', pass: 'hunter2' }, 'redis.user', 'it is called username'],
    [{ host: 6379 }, 'redis.host', 'a text'],
    [{ host: 'h', password: 20_361 }, 'redis.password', 'received a value of type number'],
    [{ host: 'h', db: 'main' }, 'redis.db', 'a whole number from 0 up'],
    [{ host: 'h', db: -1 }, 'redis.db', 'received -1'],
    [[{ host: 'h' }], 'redis', 'received a value of type list'],
  ])('with a mistake is refused: %j', (redis, option, text) => {
    const refused = expect.objectContaining({
      code: 'SPILLWAY_INVALID_OPTION',
      message: expect.stringMatching(new RegExp(`Option ${option} must be .*${text}`)),
    });
    expect(() => resolve({}, { redis })).toThrow(refused);
    expect(() => resolve({}, { redis })).not.toThrow(/hunter2|20361/);
  });

  it('is no client', () => {
    const redis = new Redis({ lazyConnect: true, password: 'hunter2' });
    expect(() => resolve({}, { redis })).toThrow(
      /Option redis must be .*received a client; every part opens/,
    );
    redis.disconnect();
  });

  it('may have what a newer ioredis knows: a warning, and it is handed on', () => {
    const { redis, warnings } = resolve({}, { redis: { host: 'h', db: '3', somethingNew: 'hunter2' } });
    expect(redis).toEqual({ host: 'h', db: '3', somethingNew: 'hunter2' });
    expect(warnings).toEqual([
      {
        name: 'redis-unknown-option',
        message: expect.stringContaining('Unknown option of redis: somethingNew;'),
      },
    ]);
    expect(warnings[0]?.message).not.toContain('hunter2');
  });
});

describe('a PostgreSQL given as options', () => {
  it.each<[object, string, string]>([
    [{ username: 'a', password: 'hunter2' }, 'username', 'user'],
    [{ url: 'postgres://a:hunter2@h/d' }, 'url', 'connectionString, or the option postgres itself'],
    [{ conectionString: 'postgres://a:hunter2@h/d' }, 'conectionString', 'connectionString'],
    [{ hots: 'h' }, 'hots', 'host'],
  ])('with a mistake is refused: %j', (postgres, option, meant) => {
    const message = `Option postgres.${option} must be absent: there is no such option; received one; it is called ${meant}`;
    expect(() => resolve({}, { postgres })).toThrow(
      expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message }),
    );
  });

  it('may be a pool, and have what is of no address', () => {
    const pool = new pg.Pool({ max: 1 });
    expect(resolve({}, { postgres: pool }).postgres).toBe(pool);
    const given = {
      host: 'h',
      migrate: true,
      max: 3,
      min: 0,
      statement_timeout: 5,
      application_name: 'a',
      keepAlive: true,
    };
    expect(resolve({}, { postgres: given }).postgres).toBe(given);
  });
});

describe('an environment that contradicts itself', () => {
  it.each<[Record<string, string>, object, string, string]>([
    [
      { SPILLWAY_ENGINE: 'sqlite', REDIS_ENABLED: 'true' },
      {},
      'contradictory-switches',
      'REDIS_ENABLED=true switches Redis on, but SPILLWAY_ENGINE=sqlite',
    ],
    [
      { REDIS_ENABLED: 'true' },
      { engine: 'sqlite' },
      'switch-overruled',
      'REDIS_ENABLED=true switches Redis on, but the option engine is sqlite',
    ],
    [
      { REDIS_URL: 'redis://h/1', REDIS_DB: '2' },
      {},
      'redis-url-and-db',
      'REDIS_URL names database 1 and REDIS_DB 2; that of REDIS_URL is used',
    ],
    [
      { REDIS_URL: 'redis://:hunter2@h', REDIS_PASSWORD: 'hunter3' },
      {},
      'redis-url-and-password',
      'different passwords; that of REDIS_URL is used',
    ],
    [
      { SPILLWAY_ENGIN: 'redis' },
      {},
      'misspelt-variable',
      'SPILLWAY_ENGIN is not read; did you mean SPILLWAY_ENGINE?',
    ],
  ])('%j with options %j: a warning %s', (environment, options, name, text) => {
    const { warnings } = resolve(environment, options);
    expect(warnings).toEqual([{ name, message: expect.stringContaining(text) }]);
    expect(warnings[0]?.message).not.toContain('hunter');
  });

  it.each<[Record<string, string>, object]>([
    [{ REDIS_URL: 'redis://:a@h/1', REDIS_DB: '1', REDIS_PASSWORD: 'a' }, {}],
    [{ REDIS_URL: 'redis://h', REDIS_DB: '1', REDIS_PASSWORD: 'a' }, {}],
    [{ SPILLWAY_ENGINE: 'sqlite', REDIS_ENABLED: 'false' }, {}],
    [{ REDIS_URL: 'redis://h', REDIS_ENABLED: 'true' }, { engine: 'redis' }],
    [{ SPILLWAY_ENGINE: 'failover', REDIS_URL: 'redis://h', USE_BULLMQ: 'true' }, {}],
    [{ SPILLWAY_TEST_SEED: '1', REDIS_HOSTS: 'h' }, {}],
  ])('or does not: %j with options %j', (environment, options) => {
    expect(resolve(environment, options).warnings).toEqual([]);
  });
});
