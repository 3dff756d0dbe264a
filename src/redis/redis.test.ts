import { describe, expect, it } from 'vitest';
import {
  consumerOptions,
  describeRedisTarget,
  parseRedisUrl,
  producerOptions,
  redisTuningDefaults,
} from './index.ts';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://host', { host: 'host', port: 6379 }],
    ['redis://host:7000/3', { host: 'host', port: 7000, db: 3 }],
    ['redis://:p%40ss@host', { host: 'host', port: 6379, password: 'p@ss' }],
    [
      'rediss://app:pw@host:6380/0',
      { host: 'host', port: 6380, username: 'app', password: 'pw', db: 0, tls: {} },
    ],
    ['redis://[::1]:7000', { host: '::1', port: 7000 }],
  ])('%s', (url, options) => {
    expect(parseRedisUrl(url)).toEqual({ options });
  });

  it.each([
    ['host:6379', 'its scheme is neither redis: nor rediss:'],
    ['not a url', 'it is not a URL'],
    ['http://host', 'its scheme is neither redis: nor rediss:'],
    ['redis://host/queue', 'its path is not a database number'],
    ['redis://:%zz@host', 'its user name or password is not percent-encoded correctly'],
  ])('%s: %s', (url, reason) => {
    expect(parseRedisUrl(url)).toEqual({ reason });
  });
});

describe('connection options', () => {
  it('bounds producers, lets the given options win, and doubles the pause up to 2 s', () => {
    const options = producerOptions({ host: 'h', commandTimeout: 700 }, { maxRetries: 2, retryDelayMs: 100 });
    expect(options).toMatchObject({ host: 'h', commandTimeout: 700, maxRetriesPerRequest: 2 });
    expect([1, 2, 3, 50].map(times => options.retryStrategy?.(times))).toEqual([100, 200, 400, 2000]);
  });

  it('never limits a consumer: its blocking calls last as long as there is no work', () => {
    const options = consumerOptions({ commandTimeout: 700, maxRetriesPerRequest: 3 }, redisTuningDefaults);
    expect(options.maxRetriesPerRequest).toBeNull();
    expect(options.commandTimeout).toBeUndefined();
  });

  it('describes where a connection goes without its credentials', () => {
    expect(describeRedisTarget({ host: '::1', port: 1, username: 'u', password: 'secret', tls: {} })).toBe(
      '[::1]:1/0 with TLS',
    );
  });
});
