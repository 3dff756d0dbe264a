import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from '../config/index.ts';

/** What both of ioredis's clients are. */
export type RedisClient = Redis | Cluster;

/**
 * Opens ioredis's client for a target: `Redis` for one server or the master of a Sentinel group, `Cluster` where it names
 * the nodes of one. It connects at once unless `lazyConnect` is set; who opens it listens to `error` and disconnects it.
 *
 * On a cluster the options hold for each of its nodes, but for these: `retryStrategy` is that of the whole cluster;
 * `commandTimeout` counts from the call, also while no node is known yet; commands wait for a node to be connected to,
 * whatever `enableOfflineQueue` says, since that is done at the first command; and with
 * `autoResendUnfulfilledCommands: false` a command that was under way when a node was lost is not sent to another.
 */
export function openRedis(options: RedisOptions & { cluster?: never }): Redis;
export function openRedis(options: RedisTarget): RedisClient;
export function openRedis(options: RedisTarget): RedisClient {
  const { cluster, ...single } = options;
  if (cluster) {
    const { retryStrategy, autoResendUnfulfilledCommands, lazyConnect = false } = single;
    return openCluster(options, {
      lazyConnect,
      ...(retryStrategy === undefined ? {} : { clusterRetryStrategy: retryStrategy }),
      ...(autoResendUnfulfilledCommands === false ? { retryDelayOnFailover: 0 } : {}),
    });
  }
  const client = new Redis({ ...single, replyMapping: 'legacy' });
  client.on('error', error => {
    if (isWrongDatabase(error)) client.disconnect(true);
  });
  return client;
}

const NO_SUCH_DATABASE =
  /^ERR (?:DB index is out of range|invalid DB index|SELECT is not allowed in cluster mode)/i;

/**
 * Whether a connection is not in the database it was made for. Where SELECT fails at its beginning, ioredis says so and goes on
 * all the same, in database 0, among what is somebody else's: such a connection must be cut before it is ready.
 */
export function isWrongDatabase(error: Error): boolean {
  return NO_SUCH_DATABASE.test(error.message);
}

/** Says where, or belongs to the whole cluster: nothing for a single node. */
const NOT_A_NODES = [
  ...['cluster', 'host', 'port', 'path', 'sentinels', 'name', 'db'],
  ...['retryStrategy', 'enableOfflineQueue', 'lazyConnect'],
];

/** A cluster's client with the options of its target for each node, and these for the whole. */
export function openCluster(target: RedisTarget, options: Omit<ClusterOptions, 'redisOptions'>): Cluster {
  const node: RedisOptions = Object.fromEntries(
    Object.entries(target).filter(([name]) => !NOT_A_NODES.includes(name)),
  );
  return new BoundedCluster([...(target.cluster ?? [])], {
    redisOptions: { ...node, replyMapping: 'legacy' },
    ...(node.natMap === undefined ? {} : { natMap: node.natMap }),
    // A certificate is made out to a name, not to the address it resolves to.
    ...(node.tls ? { dnsLookup: (name, callback) => callback(null, name) } : {}),
    ...options,
  });
}

/** ioredis's own counts a command's time only once it has chosen a node: before, it waits without end. */
class BoundedCluster extends Cluster {
  override sendCommand(...[command, ...rest]: Parameters<Cluster['sendCommand']>): unknown {
    const bound = this.options.redisOptions?.commandTimeout;
    if (typeof bound === 'number') command.setTimeout(bound);
    return super.sendCommand(command, ...rest);
  }
}
