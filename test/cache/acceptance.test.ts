import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Actor, createTruth } from './actor-process.ts';
import { cacheOf, countingLoader, redisClient, redisServer, until } from './rig.ts';

it('answers from the loader when Redis hangs from the start, and uses it once it answers', async () => {
  const redis = await redisServer();
  redis.pause();
  const cache = cacheOf({ redis: redis.url });
  const loader = countingLoader(key => ({ key }));
  const values = cache.namespace('values', { ttl: '1h', load: loader.load });
  expect(await values.get('a')).toEqual({ key: 'a' });
  expect(await values.get('a')).toEqual({ key: 'a' });
  expect(loader.calls).toBe(1);
  redis.resume();
  await until('Redis is used', () => cache.ready());
  await values.get('b');
  const other = cacheOf({ redis: redis.url });
  const same = other.namespace('values', { ttl: '1h', load: loader.load });
  await other.ready();
  await until('the value is in Redis', async () => (await same.countKeys()).redis === 1);
  expect(await same.get('b')).toEqual({ key: 'b' });
  expect(same.stats()).toMatchObject({ redisHits: 1, loads: 0 });
});

it('waits for a Redis that hangs three times, and then not at all; an old value is there at once', async () => {
  const redis = await redisServer();
  const cache = cacheOf({ redis: redis.url });
  const loader = countingLoader(key => key);
  const values = cache.namespace('values', { ttl: 1, grace: '1h', load: loader.load });
  await cache.ready();
  await values.get('old');
  await until('it is old', async () => (await values.get('old')) === 'old' && values.stats().staleServed > 0);
  redis.pause();
  const inFlight = values.get('in flight');
  expect(await values.get('old')).toBe('old');
  expect(await inFlight).toBe('in flight');
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) expect(await values.get(key)).toBe(key);
  expect(cache.stats().redis).toBe('down');
  expect(values.stats().redisTimeouts).toBeLessThanOrEqual(5);
  const before = values.stats().redisTimeouts;
  for (const key of ['g', 'h', 'i']) expect(await values.get(key)).toBe(key);
  expect(values.stats().redisTimeouts).toBe(before);
  redis.resume();
  expect(await cache.ready(10_000)).toBe(true);
});

it('tells all caches of the process what one of them found out', async () => {
  const redis = await redisServer();
  const [one, other] = [cacheOf({ redis: redis.url }), cacheOf({ redis: redis.url, prefix: 'other' })];
  const load = async (key: string) => key;
  const here = one.namespace('n', { ttl: '1h', load });
  const there = other.namespace('n', { ttl: '1h', load });
  await Promise.all([one.ready(), other.ready()]);
  redis.pause();
  let reads = 0;
  await until(
    'one gives up',
    async () => (await here.get(String(reads++))) !== '' && one.stats().redis === 'down',
  );
  expect(other.stats().redis).toBe('down');
  await there.get('k');
  expect(there.stats().redisTimeouts).toBe(0);
  redis.resume();
  expect(await other.ready(10_000)).toBe(true);
});

it('keeps a value deleted that was deleted during an outage by a process that is gone since', async () => {
  const folder = tempDir('cache');
  const redis = await redisServer(DURABLE);
  const truth = createTruth(join(folder, 'truth.db'));
  const options = {
    redis: redis.url,
    journal: join(folder, 'journal.db'),
    truth: join(folder, 'truth.db'),
    ttlMs: 3_600_000,
  };
  truth.exec("INSERT INTO truth VALUES ('x', 1), ('yy', 1), ('zzz', 1)");
  await using writer = await Actor.start(options);
  await writer.ask({ op: 'ready', ms: 5_000 });
  for (const key of ['x', 'yy', 'zzz']) await writer.get(key);
  const direct = redisClient(redis.url);
  await until(
    'the values are in Redis',
    async () => (await direct.keys('spillway:values:1:k:*')).length === 3,
  );
  await redis.kill();
  await writer.ask({ op: 'write', key: 'x', value: 2, by: 'delete' });
  await writer.ask({ op: 'write', key: 'yy', value: 2, by: 'tag' });
  await writer.ask({ op: 'write', key: 'zzz', value: 2, by: 'set' });
  await writer.kill();
  await redis.restart();
  expect(await direct.exists('spillway:values:1:k:=x')).toBe(1);
  await using fresh = await Actor.start(options);
  expect(await fresh.ask({ op: 'ready', ms: 5_000 })).toBe(true);
  for (const key of ['x', 'yy', 'zzz']) expect(await fresh.get(key), key).toEqual({ value: 2 });
  truth.close();
});

it('does not lose an invalidated tag to a read that failed', async () => {
  const redis = await redisServer();
  const [one, other] = [cacheOf({ redis: redis.url }), cacheOf({ redis: redis.url })];
  let current = 'old';
  const settings = { ttl: '1h', grace: '1h', tags: () => ['t'], load: async (_key: string) => current };
  const [here, there] = [one.namespace('n', settings), other.namespace('n', settings)];
  await Promise.all([one.ready(), other.ready()]);
  await here.get('k');
  await until(
    'the other has it from Redis',
    async () => (await there.get('k')) === 'old' && there.stats().memoryHits > 0,
  );
  current = 'new';
  await here.invalidateTag('t');
  redis.pause();
  // Whatever these give while the news may not have come: the reads of the tag fail.
  await Promise.all([there.get('k'), there.get('k2')]);
  redis.resume();
  await until('Redis is used', () => other.ready());
  await until('the tag is known', async () => (await there.get('k')) === 'new');
  for (let read = 0; read < 20; read++) expect(await there.get('k')).toBe('new');
});

it('checks all it has when the connection that hears of changes was lost', async () => {
  const redis = await redisServer();
  const [one, other] = [cacheOf({ redis: redis.url }), cacheOf({ redis: redis.url })];
  let current = 1;
  const settings = { ttl: '1h', load: async (_key: string) => ({ current }) };
  const [here, there] = [one.namespace('n', settings), other.namespace('n', settings)];
  await Promise.all([one.ready(), other.ready()]);
  const admin = redisClient(redis.url);
  for (let round = 1; round <= 5; round++) {
    await until(
      'both have it',
      async () => (await here.get('k')).current === current && (await there.get('k')).current === current,
    );
    current++;
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await here.delete('k');
    // No read before it hears again: one would find the change for itself.
    await until(
      'both listen',
      async () =>
        String(await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
          .trim()
          .split('\n')
          .filter(line => line.includes('sub=1')).length === 2,
    );
    await new Promise(resolve => setImmediate(resolve));
    await until('the change is seen', async () => (await there.get('k')).current === current);
  }
});

it('asks a failing loader once for twenty who ask together, and not again for those who ask soon after', async () => {
  const cache = cacheOf({});
  const loader = countingLoader<string>(() => Promise.reject(new Error('the database is away')));
  const values = cache.namespace('values', { ttl: '1h', errorTtl: '1m', load: loader.load });
  const together = await Promise.allSettled(Array.from({ length: 20 }, () => values.get('k')));
  expect(together.map(each => each.status)).toEqual(Array(20).fill('rejected'));
  for (let read = 0; read < 20; read++) await expect(values.get('k')).rejects.toThrow('the database is away');
  expect(loader.calls).toBe(1);
});

it('keeps within its bytes with values of a megabyte, and takes them through Redis', async () => {
  const redis = await redisServer();
  const maxBytes = 20 * 1024 * 1024;
  const cache = cacheOf({ redis: redis.url, memory: { maxBytes }, redisTimeoutMs: 2_000 });
  const big = (key: string) => ({ key, text: 'x'.repeat(1024 * 1024) });
  const values = cache.namespace('values', { ttl: '1h', load: async (key: string) => big(key) });
  await cache.ready();
  for (let at = 0; at < 60; at++) await values.get(String(at));
  expect(cache.stats().bytes).toBeLessThanOrEqual(maxBytes);
  expect(values.stats()).toMatchObject({ loads: 60, evictions: expect.any(Number) });
  expect(values.stats().items).toBeGreaterThan(10);
  await until('all are in Redis', async () => (await values.countKeys()).redis === 60);
  expect(await values.get('0')).toEqual(big('0'));
  expect(values.stats()).toMatchObject({ loads: 60, redisHits: 1 });
});
