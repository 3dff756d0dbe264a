import { nearestOption } from '../shared/unknown-option.ts';
import type { RedisTarget } from './types.ts';

/** ioredis's own, and `cluster`. */
const known = {
  Connector: true,
  autoPipeliningIgnoredCommands: true,
  autoResendUnfulfilledCommands: true,
  autoResubscribe: true,
  blockingTimeout: true,
  blockingTimeoutGrace: true,
  clientInfoTag: true,
  cluster: true,
  commandQueue: true,
  commandTimeout: true,
  connectTimeout: true,
  connectionName: true,
  db: true,
  disableClientInfo: true,
  disconnectTimeout: true,
  enableAutoPipelining: true,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  enableTLSForSentinelMode: true,
  failoverDetector: true,
  family: true,
  himportFieldsets: true,
  host: true,
  keepAlive: true,
  keyPrefix: true,
  lazyConnect: true,
  maxLoadingRetryTime: true,
  maxRetriesPerRequest: true,
  monitor: true,
  name: true,
  natMap: true,
  noDelay: true,
  offlineQueue: true,
  password: true,
  path: true,
  port: true,
  preferredSlaves: true,
  protocol: true,
  readOnly: true,
  reconnectOnError: true,
  replyMapping: true,
  retryStrategy: true,
  role: true,
  scripts: true,
  sentinelCommandTimeout: true,
  sentinelMaxConnections: true,
  sentinelPassword: true,
  sentinelReconnectStrategy: true,
  sentinelRetryStrategy: true,
  sentinelTLS: true,
  sentinelUsername: true,
  sentinels: true,
  showFriendlyErrorStack: true,
  socketTimeout: true,
  stringNumbers: true,
  tls: true,
  updateSentinels: true,
  username: true,
} as const satisfies Record<keyof RedisTarget, true>;

/** What other clients call it, and URLs: with none of these would ioredis look for a Redis on this very machine. */
const elsewhere: Readonly<Record<string, string>> = {
  url: 'the option redis itself, which may be a URL',
  uri: 'the option redis itself, which may be a URL',
  connectionString: 'the option redis itself, which may be a URL',
  connection: 'the option redis itself: give it what is in there',
  redisOptions: 'the option redis itself: give it what is in there',
  hostname: 'host',
  server: 'host',
  user: 'username',
  pass: 'password',
  auth: 'password',
  auth_pass: 'password',
  database: 'db',
  ssl: 'tls',
  socket: 'host, port and tls',
  nodes: 'cluster',
  rootNodes: 'cluster',
};

/**
 * Options that are there by mistake, with what was meant: ioredis ignores what it does not know, and a misspelt `host` would
 * be a Redis on this very machine.
 */
export function mistakenRedisOption(target: object): { option: string; meant: string } | undefined {
  for (const option of Object.keys(target)) {
    if (Object.hasOwn(known, option)) continue;
    const meant = Object.hasOwn(elsewhere, option)
      ? elsewhere[option]
      : nearestOption(option, Object.keys(known));
    if (meant !== undefined) return { option, meant };
  }
  return undefined;
}

/** The other options that neither ioredis nor Spillway has. They are no error, since a newer ioredis may know them. */
export function unknownRedisOptions(target: object): string[] {
  return Object.keys(target).filter(option => !Object.hasOwn(known, option));
}
