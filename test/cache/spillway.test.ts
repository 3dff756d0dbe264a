import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createSpillway, type SpillwayOptions } from '../../src/index.ts';
import { collectLog } from '../runtime/collect-log.ts';
import { tempDir } from '../support/temp-dir.ts';
import { redisServer, until } from './rig.ts';

function spillwayOf(options: SpillwayOptions) {
  const spillway = createSpillway({ environment: {}, handleSignals: false, logger: false, ...options });
  onTestFinished(() => spillway.close());
  return spillway;
}

const change = { by: 'ada', reason: 'the cache is suspected' };

it('is on the Redis of the jobs, with a journal beside the file, and can be switched off for a while', async () => {
  const redis = await redisServer();
  const file = join(tempDir('cache'), 'jobs.db');
  const spillway = spillwayOf({ redis: redis.url, sqlite: { file } });
  expect(spillway.caches.used).toBe(false);
  let current = 1;
  const lead = spillway.cache('lead', { ttl: '10m', load: async (id: string) => ({ id, current }) });
  expect(await spillway.caches.ready()).toBe(true);
  expect(await lead.get('a')).toEqual({ id: 'a', current: 1 });
  current = 2;
  expect(await lead.get('a')).toEqual({ id: 'a', current: 1 });

  await spillway.switches.set('cache', 'off', change);
  await until('every read asks the loader', async () => (await lead.get('a')).current === 2);
  expect(spillway.caches.stats().enabled).toBe(false);
  const { loads } = lead.stats();
  await Promise.all([lead.get('a'), lead.get('a')]);
  expect(lead.stats().loads, 'those who ask together still share').toBe(loads + 1);
  // Changes made meanwhile reach Redis, so that what is found there afterwards is right.
  await lead.delete('a');
  await spillway.switches.set('cache', 'on', change);
  await until('it is on again', () => spillway.caches.stats().enabled);
  expect(await lead.get('a')).toEqual({ id: 'a', current: 2 });

  await redis.kill();
  await until('it is missed', () => spillway.caches.stats().redis === 'down');
  await lead.delete('a');
  expect(existsSync(`${file}-cache`)).toBe(true);
  expect(await lead.get('a')).toEqual({ id: 'a', current: 2 });
});

it('tells once that its switch cannot be read, stays as it is, and hears of it when it can be', async () => {
  const folder = join(tempDir('cache'), 'not-there');
  const { logger, lines } = collectLog();
  const said = (text: string) => lines.filter(({ message }) => message.includes(text)).length;
  const options = { engine: 'sqlite', sqlite: { file: join(folder, 'jobs.db') } } as const;
  const spillway = spillwayOf({ ...options, logger });
  let loads = 0;
  const values = spillway.cache('values', { ttl: '1h', load: async (_key: string) => ++loads });
  await until('it is told', () => said('The switch of the cache cannot be read') === 1);
  expect([await values.get('a'), await values.get('a')]).toEqual([1, 1]);

  mkdirSync(folder);
  await spillwayOf(options).switches.set('cache', 'off', change);
  await until('it is off', () => !spillway.caches.stats().enabled);
  expect([said('cannot be read'), said('can be read again')]).toEqual([1, 1]);
});

it('answers every read from the loader with DISABLE_CACHE', async () => {
  const spillway = spillwayOf({
    engine: 'sqlite',
    sqlite: { file: ':memory:' },
    environment: { DISABLE_CACHE: 'true' },
  });
  let loads = 0;
  const values = spillway.cache('values', { ttl: '1h', load: async (_key: string) => ++loads });
  expect([await values.get('a'), await values.get('a')]).toEqual([1, 2]);
  await values.set('a', 7);
  expect(await values.get('a')).toBe(3);
  expect(values.stats()).toMatchObject({ items: 0, memoryHits: 0 });
});
