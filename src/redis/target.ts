import type { RedisOptions } from 'ioredis';

/** Where a connection goes, for logs: host, port and database, never a user or a password. */
export function describeRedisTarget(options: RedisOptions): string {
  const tls = options.tls ? ' with TLS' : '';
  if (options.path) return `socket ${options.path}`;
  if (options.sentinels) return `Sentinel group "${options.name ?? ''}"${tls}`;
  const host = options.host ?? '127.0.0.1';
  const shown = host.includes(':') ? `[${host}]` : host;
  return `${shown}:${options.port ?? 6379}/${options.db ?? 0}${tls}`;
}
