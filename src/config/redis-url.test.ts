import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-url.ts';

const noScheme = 'its scheme is none of redis:, rediss:, redis+sentinel:, redis+cluster:';

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
    [
      'redis+sentinel://one,two:7000,[::1]:7001/main',
      {
        sentinels: [
          { host: 'one', port: 26_379 },
          { host: 'two', port: 7000 },
          { host: '::1', port: 7001 },
        ],
        name: 'main',
      },
    ],
    [
      'rediss+sentinel://app:p%40s:s@one/the%20main/3',
      {
        sentinels: [{ host: 'one', port: 26_379 }],
        name: 'the main',
        db: 3,
        username: 'app',
        password: 'p@s:s',
        tls: {},
        sentinelTLS: {},
        enableTLSForSentinelMode: true,
      },
    ],
    [
      'redis+cluster://:pw@one,two:7000',
      {
        cluster: [
          { host: 'one', port: 6379 },
          { host: 'two', port: 7000 },
        ],
        password: 'pw',
      },
    ],
    ['REDISS+CLUSTER://one/0', { cluster: [{ host: 'one', port: 6379 }], tls: {} }],
  ])('%s', (url, options) => {
    expect(parseRedisUrl(url)).toEqual({ options });
  });

  it.each([
    ['host:6379', noScheme],
    ['not a url', 'it is not a URL'],
    ['http://host', noScheme],
    ['redis+unix://host', noScheme],
    ['redis://host/queue', 'its path is not a database number'],
    ['redis://:%zz@host', 'its user name or password is not percent-encoded correctly'],
    ['redis+cluster://:%zz@host', 'its user name or password is not percent-encoded correctly'],
    ['redis+sentinel://host', 'it names no master: redis+sentinel://host:26379/<name of the group>'],
    ['redis+sentinel://host/%zz', 'it names no master: redis+sentinel://host:26379/<name of the group>'],
    ['redis+sentinel://host/main/x', 'its path is not a database number'],
    ['redis+sentinel://host/main/0/1', 'its path is not a database number'],
    ['redis+sentinel:///main', 'one of its hosts is not host[:port]'],
    ['redis+sentinel://one,,two/main', 'one of its hosts is not host[:port]'],
    ['redis+cluster://one:7000,two:x', 'one of its hosts is not host[:port]'],
    ['redis+cluster://u:a/b@one', 'one of its hosts is not host[:port]'],
    ['redis+cluster://one/1', 'a cluster has no database but 0'],
    ['redis+cluster://one?x=1', 'it has a query or a fragment, which mean nothing here'],
  ])('%s: %s', (url, reason) => {
    expect(parseRedisUrl(url)).toEqual({ reason });
  });
});
