import { expect, it, onTestFinished } from 'vitest';
import { redisForTests } from '../../../test/servers/index.ts';
import { openRedis, redisOptionsOf } from '../../redis/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { LoadLock } from './load-lock.ts';
import { defineScripts } from './scripts.ts';

it('looks once more when its turn comes: the one before may have loaded since it last looked', async () => {
  const server = await redisForTests();
  const client = defineScripts(openRedis(redisOptionsOf(server.url)));
  onTestFinished(async () => {
    client.disconnect();
    await server.stop();
  });
  const name = `${server.prefix}:lock`;
  const lock = new LoadLock({ usable: true, run: work => work(client) }, systemClock);
  await client.set(name, 'of another process');
  let looks = 0;
  const turn = await lock.turn(name, 10_000, async () => {
    if (++looks > 1) return 'loaded';
    // The other one is done at the very moment after this look.
    await client.del(name);
    return undefined;
  });
  expect(turn).toEqual({ found: 'loaded' });
  // In the order of the connection: what let go of the lock was sent before.
  expect(await client.exists(name)).toBe(0);
});
