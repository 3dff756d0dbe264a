import type { RedisOptions } from 'ioredis';

export const redisUrlRange = 'redis://[user:password@]host[:port][/db] or rediss://… for TLS';

/**
 * Reads a Redis URL into ioredis options. `rediss:` switches TLS on with the certificate verified; user name and
 * password are percent-decoded (an ACL user is `redis://user:password@host`, the default user `redis://:password@host`).
 * Port 6379 and database 0 where absent. Gives a reason instead of options when the text is no such URL; the reason
 * never repeats any part of the text.
 */
export function parseRedisUrl(text: string): { options: RedisOptions } | { reason: string } {
  if (!URL.canParse(text)) return { reason: 'it is not a URL' };
  const url = new URL(text);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    return { reason: 'its scheme is neither redis: nor rediss:' };
  }
  if (url.hostname === '') return { reason: 'it names no host' };
  const path = url.pathname.replace(/^\//, '');
  if (!/^\d{0,10}$/.test(path)) return { reason: 'its path is not a database number' };

  let username: string;
  let password: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    return { reason: 'its user name or password is not percent-encoded correctly' };
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    options: {
      host,
      port: url.port === '' ? 6379 : Number(url.port),
      ...(username === '' ? {} : { username }),
      ...(password === '' ? {} : { password }),
      ...(path === '' ? {} : { db: Number(path) }),
      ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    },
  };
}
