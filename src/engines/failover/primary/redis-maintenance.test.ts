import { createRedisBackend, type RedisQueueBackend } from 'bullmq';
import { expect, it } from 'vitest';
import { startRedis } from '../../../../test/servers/index.ts';
import { openRedis, redisOptionsOf } from '../../../redis/index.ts';
import { systemClock } from '../../../shared/clock.ts';
import { RedisMaintenance } from './redis-maintenance.ts';

it('finds out about a Redis that hangs between the probe and the connection for what is given back', async () => {
  await using server = await startRedis();
  const redis = redisOptionsOf(server.url);
  const maintenance = new RedisMaintenance({
    redis,
    prefix: 'bull',
    deadlineMs: 250,
    clock: systemClock,
    id: 'test',
    openClient() {
      server.pause();
      return openRedis({ ...redis, lazyConnect: true, retryStrategy: () => null });
    },
    connectBackend: client =>
      createRedisBackend('spillway', { connection: client as never }) as RedisQueueBackend,
  });
  expect(await maintenance.check()).toMatchObject({ ok: false, failure: 'timeout' });
  server.resume();
  await maintenance.close();
});
