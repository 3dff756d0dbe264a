import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-url.ts';

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
