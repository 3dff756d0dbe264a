import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { createSqliteBackend } from '../../src/engines/sqlite/index.ts';
import { Rig, until } from './rig.ts';

it('a job of Redis that comes just after a wait has ended wakes the next one', async () => {
  await using rig = await Rig.start();
  const backend = rig.worker(null).getBackend();
  await backend.waitUntilReady();
  await rig.engine.started;
  const redis = new Redis(rig.redis.port);
  const standby = createSqliteBackend('q', { connection: { file: rig.file } });
  const elsewhere = new Queue('q', { connection: { port: rig.redis.port } });
  await elsewhere.waitUntilReady();

  // The standby ends the first wait; the one on Redis goes on.
  const first = backend.waitForJob(10);
  const blocked = async () => /blocked_clients:[1-9]/.test(await redis.info('clients'));
  await until(blocked, 'the wait on Redis');
  const job = { name: 'here', data: '{}', opts: {}, timestamp: Date.now(), attemptsMade: 0 };
  await standby.addJob(job as never, 'here');
  expect(await first).not.toBeNull();
  await standby.remove('here', false);

  await elsewhere.add('there', {});
  await until(async () => (await redis.zcard('bull:q:marker')) === 0, 'the waiting connection to be woken');
  expect(await backend.waitForJob(1)).not.toBeNull();
  await Promise.all([elsewhere.close(), standby.close(), redis.quit()]);
});
