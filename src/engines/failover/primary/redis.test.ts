import type { RedisQueueBackend } from 'bullmq';
import type { Cluster } from 'ioredis';
import { expect, it } from 'vitest';
import { startRedisCluster } from '../../../../test/servers/index.ts';
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
