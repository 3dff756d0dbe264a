import { Redis } from 'ioredis';
import { freePort } from './process.ts';
import { type RedisServer, startRedis } from './redis.ts';

const SLOTS = 16_384;

/** A real Redis Cluster of masters on 127.0.0.1, the slots in equal parts. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a cluster and resolves when all nodes know each other and all slots. */
export async function startRedisCluster(
  options: { nodes?: number; args?: string[] } = {},
): Promise<RedisCluster> {
  const { nodes: count = 3, args = [] } = options;
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(args)));
  const cluster = new RedisCluster(nodes.map(node => node.server));
  const clients = nodes.map(({ server }) => new Redis(server.url, { enableReadyCheck: false }));
  try {
    for (const [index, client] of clients.entries()) {
      const first = Math.floor((index * SLOTS) / count);
      const last = Math.floor(((index + 1) * SLOTS) / count) - 1;
      await client.cluster('SET-CONFIG-EPOCH', index + 1);
      await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    }
    for (const { server, busPort } of nodes.slice(1)) {
      await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
    }
    for (const client of clients) await untilComplete(client, count);
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
  ];
  return { server: await startRedis({ args: [...cluster, ...args] }), busPort };
}

async function untilComplete(client: Redis, count: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const info = String(await client.cluster('INFO'));
    const known = (await client.cluster('SLOTS')) as unknown[];
    if (info.includes('cluster_state:ok') && known.length === count) return;
    if (performance.now() > deadline) throw new Error(`the cluster did not come together:\n${info}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
