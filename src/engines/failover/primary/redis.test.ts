import type { RedisQueueBackend } from 'bullmq';
import type { Cluster } from 'ioredis';
import { expect, it } from 'vitest';
import { startRedis, startRedisCluster } from '../../../../test/servers/index.ts';
import { redisOptionsOf } from '../../../redis/index.ts';
import { RedisPrimary } from './redis.ts';

it('a wait on a cluster that is let go ends, also when another node has just taken the place of one that hangs', async () => {
  await using cluster = await startRedisCluster({ replicas: true });
  const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
  const primary = new RedisPrimary(redisOptionsOf(`redis+cluster://${nodes.join(',')}`), '{bull}', () => 0.5);
  const options = { prefix: '{bull}' } as never;
  const { backend, letGo } = primary.connect('q', options, { withBlockingConnection: true });
  backend.on('error', () => undefined);
  await backend.waitUntilReady();
  const owner = await cluster.ownerOf('{bull}');
  const waiting = expect(backend.waitForJob(5)).rejects.toThrow('Connection is closed');
  owner.pause();
  await expect.poll(() => cluster.ownerOf('{bull}'), { timeout: 20_000 }).not.toBe(owner);
  letGo();
  await waiting;
  // BullMQ would have connected to the others.
  const client = await (backend as RedisQueueBackend).blockingClient;
  expect((client as unknown as Cluster).nodes()).toEqual([]);
  await backend.close(true);
});

it('closing does not wait behind a wait that is let go in the same turn', async () => {
  await using server = await startRedis();
  const primary = new RedisPrimary(redisOptionsOf(server.url), 'bull', () => 0.5);
  const { backend, letGo } = primary.connect('q', {} as never, { withBlockingConnection: true });
  await backend.waitUntilReady();
  const waiting = expect(backend.waitForJob(600)).rejects.toThrow('Connection is closed');
  const clients = async () => (await backend.getClientList()).join();
  await expect.poll(clients).toContain('cmd=bzpopmin');
  letGo();
  await backend.close();
  await waiting;
});
