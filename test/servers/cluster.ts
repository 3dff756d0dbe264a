import { Redis } from 'ioredis';
import { freePort } from './process.ts';
import { type RedisServer, startRedis } from './redis.ts';

const SLOTS = 16_384;

/** A real Redis Cluster on 127.0.0.1, the slots in equal parts on its masters. */
export class RedisCluster {
  /** The masters at the start. */
  readonly nodes: readonly RedisServer[];
  /** One for each of them, in the same order, or none. */
  readonly replicas: readonly RedisServer[];

  constructor(nodes: readonly RedisServer[], replicas: readonly RedisServer[] = []) {
    this.nodes = nodes;
    this.replicas = replicas;
  }

  /** The server that has this key now, by what one of the others says. */
  async ownerOf(key: string): Promise<RedisServer> {
    const servers = [...this.nodes, ...this.replicas];
    for (const asked of servers) {
      const client = new Redis(asked.url, {
        commandTimeout: 1_000,
        lazyConnect: true,
        retryStrategy: () => null,
      });
      client.on('error', () => undefined);
      try {
        const slot = Number(await client.cluster('KEYSLOT', key));
        const slots = await client.cluster('SLOTS');
        const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
        const owner = servers.find(server => server.port === port);
        if (owner !== undefined) return owner;
      } catch {
        // One that hangs or is gone; another knows as well.
      } finally {
        client.disconnect();
      }
    }
    throw new Error(`nobody has ${key}`);
  }

  async stop(): Promise<void> {
    const servers = [...this.nodes, ...this.replicas];
    // A paused one would not even end.
    for (const server of servers) server.resume();
    await Promise.all(servers.map(node => node.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a cluster and resolves when all nodes know each other and all slots, and the replicas, if any, follow. */
export async function startRedisCluster(
  options: { nodes?: number; replicas?: boolean; args?: string[] } = {},
): Promise<RedisCluster> {
  const { nodes: masters = 3, replicas = false, args = [] } = options;
  const all = Array.from({ length: replicas ? 2 * masters : masters }, () => startNode(args));
  const nodes = await Promise.all(all);
  const servers = nodes.map(node => node.server);
  const cluster = new RedisCluster(servers.slice(0, masters), servers.slice(masters));
  const clients = nodes.map(({ server }) => new Redis(server.url, { enableReadyCheck: false }));
  try {
    for (const [index, client] of clients.entries()) {
      await client.cluster('SET-CONFIG-EPOCH', index + 1);
      if (index >= masters) continue;
      const first = Math.floor((index * SLOTS) / masters);
      const last = Math.floor(((index + 1) * SLOTS) / masters) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    }
    for (const { server, busPort } of nodes.slice(1)) {
      await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
    }
    for (const client of clients) await untilComplete(client, nodes.length, masters);
    for (const [index, client] of clients.slice(masters).entries()) {
      const master = String(await clients[index]?.cluster('MYID'));
      // Known to the first is not known to all at once.
      await soon('REPLICATE', async () => (await client.cluster('REPLICATE', master)) === 'OK');
      const isUp = async () => String(await client.info('replication')).includes('master_link_status:up');
      await soon('the replica to follow', isUp);
    }
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
}

async function startNode(args: string[]): Promise<{ server: RedisServer; busPort: number }> {
  // The usual one, 10,000 above, may be beyond the last port there is.
  const busPort = await freePort();
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    String(busPort),
    '--cluster-node-timeout',
    '1000',
    // The first replica is not kept waiting for others.
    '--repl-diskless-sync-delay',
    '0',
  ];
  return { server: await startRedis({ args: [...cluster, ...args] }), busPort };
}

async function untilComplete(client: Redis, nodes: number, masters: number): Promise<void> {
  await soon('the cluster to come together', async () => {
    const info = String(await client.cluster('INFO'));
    const known = (await client.cluster('SLOTS')) as unknown[];
    const isOk = info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes}\r`);
    return isOk && known.length === masters;
  });
}

async function soon(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const isSo = await condition().catch(() => false);
    if (isSo) return;
    if (performance.now() > deadline) throw new Error(`waited for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
