import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { cacheOf, countingLoader, redisServer, until } from './rig.ts';

it('what was set during an outage, and changed by another machine since, does not come back with a flushed Redis', async () => {
  const redis = await redisServer();
  const journal = join(tempDir('cache-replay'), 'journal.db');
  const loader = countingLoader((_key: string) => 'the newest');
  const open = () => {
    const cache = cacheOf({ redis: redis.url, journal });
    return { cache, values: cache.namespace('values', { ttl: '1h', load: loader.load }) };
  };
  await redis.kill();
  const cutOff = open();
  await cutOff.values.set('k', 'set during the outage', { wait: true });
  expect(cutOff.cache.stats().journaled).toBe(1);
  await cutOff.cache.close();

  // Another machine has told Redis of a newer value, and Redis has been flushed: it knows nothing of either.
  await redis.restart();
  const back = open();
  await until(
    'it has told Redis',
    async () => (await back.cache.ready()) && back.cache.stats().journaled === 0,
  );
  expect(await back.values.get('k')).toBe('the newest');
});
