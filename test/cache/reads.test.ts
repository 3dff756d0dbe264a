import { expect, it } from 'vitest';
import { cacheOf, redisClient, redisServer, until } from './rig.ts';

const keys = (count: number) => Array.from({ length: count }, (_, at) => `key-${at}`);

/** Two caches on one Redis: the first has stored `value` under these keys, the second has nothing in memory. */
async function storedByAnother<V>(stored: readonly string[], value: V, tags: (key: string) => string[]) {
  const redis = await redisServer();
  const options = { ttl: '1h' as const, tags: (_: V, key: string) => tags(key) };
  const [writer, reader] = [
    cacheOf({ redis: redis.url }),
    cacheOf({ redis: redis.url, redisTimeoutMs: 500 }),
  ];
  const there = writer.namespace<string, V>('n', options);
  const here = reader.namespace<string, V>('n', options);
  await Promise.all([writer.ready(5_000), reader.ready(5_000)]);
  for (const key of stored) await there.set(key, value, { wait: true });
  const admin = redisClient(redis.url);
  const calls = async (command: string) =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await admin.info('commandstats'))?.[1] ?? 0);
  return { redis, reader, here, admin, calls };
}

it('asks once for what is read in one turn of the event loop, and once for the tags it did not know', async () => {
  const { here, admin, calls } = await storedByAnother(keys(11), { a: 1 }, key => [`tag of ${key}`, 'all']);
  await until('the two common tags are known, and no change of them is under way', async () => {
    await admin.config('RESETSTAT');
    return (await here.get('key-10')) !== undefined && (await calls('mget')) === 0;
  });
  expect(await here.getMany(keys(10))).toEqual(Array(10).fill({ a: 1 }));
  expect(here.stats()).toMatchObject({ misses: 0, items: 11 });
  expect(await calls('get')).toBe(0);
  // Ten keys; then one tag of each, since the first read told of the other.
  expect(await calls('mget')).toBe(2);
});

it('asks for large values one by one: none waits for all the others', async () => {
  const large = 'x'.repeat(1_000_000);
  const { here, admin, calls } = await storedByAnother(keys(12), { large }, () => []);
  // These tell how large they are.
  for (const key of keys(4)) await here.get(key);
  await admin.config('RESETSTAT');
  const values = await here.getMany(keys(12).slice(4));
  expect(values.map(value => value?.large.length)).toEqual(Array(8).fill(1_000_000));
  expect(await calls('mget')).toBe(8);
});

it('counts each read that got no answer, though they were asked together', async () => {
  const { redis, reader, here } = await storedByAnother(keys(3), { a: 1 }, () => []);
  redis.pause();
  expect(await here.getMany(keys(3))).toEqual([undefined, undefined, undefined]);
  expect(reader.stats().redis).toBe('down');
  expect(here.stats().redisTimeouts).toBe(3);
  redis.resume();
});
