import { expect, it, onTestFinished } from 'vitest';
import type { RedisTarget } from '../../src/redis/index.ts';
import { startRedisCluster } from '../servers/index.ts';
import { cacheOf, redisClient, redisServer, until } from './rig.ts';

/** Two caches, as of two processes, and a database of record. */
async function twoCaches(redis: string | RedisTarget) {
  const database = new Map<string, number>();
  const load = async (key: string) => ({ value: database.get(key) ?? 0 });
  const settings = { ttl: '1h', load, tags: (_: unknown, key: string) => [`tag-${key.slice(0, 1)}`] };
  const caches = [cacheOf({ redis }), cacheOf({ redis })] as const;
  const [here, there] = [caches[0].namespace('n', settings), caches[1].namespace('n', settings)];
  for (const cache of caches) expect(await cache.ready(5_000)).toBe(true);
  const sees = async (key: string, value: number) =>
    until(
      `${key} is ${value}`,
      async () => (await there.get(key)).value === value && (await here.get(key)).value === value,
    );
  return { database, here, there, sees, caches };
}

async function changesAreSeen({ database, here, there, sees }: Awaited<ReturnType<typeof twoCaches>>) {
  const keys = ['a', 'b', 'c', 'd', '\u0000\ud800', 'long'.repeat(3_000)];
  for (const key of keys) await sees(key, 0);
  for (const key of keys) database.set(key, 1);
  await Promise.all(keys.map(key => here.delete(key)));
  for (const key of keys) await sees(key, 1);
  database.set('a', 2);
  await there.invalidateTag('tag-a');
  await sees('a', 2);
  database.set('b', 3);
  await here.set('b', { value: 3 });
  await sees('b', 3);
  for (const key of keys) database.set(key, 4);
  await there.clear();
  for (const key of keys) await sees(key, 4);
}

it('sees what another process changes, by whatever key', async () => {
  const redis = await redisServer();
  const two = await twoCaches(redis.url);
  await changesAreSeen(two);
  await until('all keys are there', async () => (await two.here.countKeys()).redis === 6);
});

it('sees what strangers do in Redis: overwrite, delete, flush', async () => {
  const redis = await redisServer();
  const { database, here, there, sees, caches } = await twoCaches(redis.url);
  /** What both have loaded is in Redis: a stranger leaves no tombstone that a write under way would stop at. */
  const atRest = async () => {
    await new Promise(resolve => setImmediate(resolve));
    await Promise.all([here.countKeys(), there.countKeys()]);
  };
  const poisoned: string[] = [];
  const all: string[] = [];
  caches[1].on('poisoned', ({ reason }) => poisoned.push(reason));
  for (const cache of caches) cache.on('poisoned', ({ reason }) => all.push(reason));
  const admin = redisClient(redis.url);
  await sees('k', 0);
  await until('it is in Redis', async () => (await admin.exists('spillway:n:1:k:=k')) === 1);
  const strange = [
    () => admin.del('spillway:n:1:k:=k'),
    () => admin.flushall(),
    () => admin.set('spillway:n:1:k:=k', '{"value":666,"__proto__":{"x":1}}'),
    () => admin.multi().del('spillway:n:1:k:=k').hset('spillway:n:1:k:=k', 'a', 'b').exec(),
    () => admin.set('spillway:n:1:t:=', 'nonsense'),
  ];
  for (const [at, act] of strange.entries()) {
    await atRest();
    database.set('k', at + 1);
    await act();
    await sees('k', at + 1);
  }
  expect(there.stats().poisoned).toBeGreaterThanOrEqual(1);
  expect(poisoned).toContain('not an entry of this format');
  await until('what was no text is counted', () => all.includes('not a text'));
});

it('is not put out of use by a tag that a stranger has set to a time to come', async () => {
  const redis = await redisServer();
  const { here, there, caches } = await twoCaches(redis.url);
  await here.get('k');
  await redisClient(redis.url).mset(
    'spillway:n:1:t:=',
    '9'.repeat(16),
    'spillway:n:1:t:=tag-k',
    '9'.repeat(16),
  );
  const hits = () => here.stats().memoryHits + there.stats().memoryHits;
  for (const each of [here, there]) {
    await until('it is kept again', async () => {
      const before = hits();
      await each.get('k');
      return hits() > before;
    });
  }
  const third = cacheOf({ redis: redis.url });
  const fresh = third.namespace('n', { ttl: '1h', load: async () => ({ value: -1 }) });
  await third.ready(5_000);
  expect(await fresh.get('k')).toEqual({ value: 0 });
  expect(caches.map(cache => cache.stats().redis)).toEqual(['up', 'up']);
});

it('works on a cluster, where changes are announced by pub/sub', async () => {
  const cluster = await startRedisCluster();
  onTestFinished(() => cluster.stop());
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const two = await twoCaches({ cluster: nodes });
  await changesAreSeen(two);
  expect((await two.here.countKeys()).redis).toBe(6);
});

it('loads once over all processes with the option lock', async () => {
  const redis = await redisServer();
  let loads = 0;
  const load = async (key: string) => {
    loads++;
    await new Promise(resolve => setTimeout(resolve, 30));
    return { key };
  };
  const caches = Array.from({ length: 5 }, () => cacheOf({ redis: redis.url }));
  const all = caches.map(cache => cache.namespace('dear', { ttl: '1h', lock: true, load }));
  await Promise.all(caches.map(cache => cache.ready()));
  expect(await Promise.all(all.map(each => each.get('k')))).toEqual(Array(5).fill({ key: 'k' }));
  expect(loads).toBe(1);
  // Also when the turn comes just after another's end.
  const keys = Array.from({ length: 40 }, (_, at) => `k-${at}`);
  await Promise.all(keys.flatMap(key => all.map(each => each.get(key))));
  expect(loads).toBe(1 + keys.length);
  redis.pause();
  expect(await Promise.all(all.map(each => each.get('other')))).toEqual(Array(5).fill({ key: 'other' }));
  redis.resume();
});

it('without a loader gives back what was set, also through an outage and a Redis that comes back empty', async () => {
  const redis = await redisServer();
  const cache = cacheOf({ redis: redis.url });
  const sessions = cache.namespace<string, { user: string }>('sessions', { ttl: '1h' });
  await cache.ready();
  expect(await sessions.get('s1')).toBeUndefined();
  await sessions.set('s1', { user: 'ada' }, { wait: true });
  await redis.kill();
  await until('it is missed', () => cache.stats().redis === 'down');
  await sessions.set('s2', { user: 'grace' }, { wait: true });
  await sessions.set('s3', { user: 'gone' }, { wait: true });
  await sessions.delete('s3');
  await redis.restart();
  await until('it is back', () => cache.stats().redis === 'up');
  const other = cacheOf({ redis: redis.url });
  const others = other.namespace<string, { user: string }>('sessions', { ttl: '1h' });
  await other.ready();
  expect(await others.get('s2'), 'told to Redis before anybody reads').toEqual({ user: 'grace' });
  expect(await sessions.get('s1')).toEqual({ user: 'ada' });
  for (const [id, user] of [
    ['s1', 'ada'],
    ['s2', 'grace'],
  ] as const) {
    await until(`${id} is given back to Redis`, async () => (await others.get(id))?.user === user);
  }
  for (const each of [sessions, others]) expect(await each.get('s3')).toBeUndefined();
});

it('is not moved by a change of the time of day', async () => {
  const redis = await redisServer();
  let offset = 0;
  const clock = { now: () => Date.now() + offset, monotonic: () => performance.now() };
  const ahead = { now: () => Date.now() + 3_600_000, monotonic: () => performance.now() };
  let current = 1;
  const settings = { ttl: '10m', tags: () => ['t'], load: async (_key: string) => ({ current }) };
  const caches = [cacheOf({ redis: redis.url, clock }), cacheOf({ redis: redis.url, clock: ahead })];
  const [one, other] = caches.map(cache => cache.namespace('n', settings));
  // The second is an hour ahead and makes versions before it hears the common time.
  redis.pause();
  await other?.get('k');
  await other?.delete('x');
  redis.resume();
  for (const cache of caches) await until('Redis is used', () => cache.ready());
  for (offset of [3_600_000, -3_600_000, 0]) {
    for (const [changer, reader] of [
      [one, other],
      [other, one],
    ] as const) {
      await Promise.all([one?.get('k'), other?.get('k')]);
      current++;
      await (current % 2 ? changer?.delete('k') : changer?.invalidateTag('t'));
      await until(
        'both see it',
        async () =>
          (await reader?.get('k'))?.current === current && (await changer?.get('k'))?.current === current,
      );
    }
  }
  // What is loaded in the moments after a change is not kept yet.
  await until('it stays', async () => {
    const { loads } = one!.stats();
    return (await one?.get('k'))?.current === current && one!.stats().loads === loads;
  });
});

it('tells by pub/sub where the server does not let it track', async () => {
  const redis = await redisServer();
  const rules = ['on', 'nopass', '~spillway:*', '&spillway:changes', '+@all', '-client|tracking'];
  await redisClient(redis.url).call('ACL', 'SETUSER', 'plain', ...rules);
  const target = { host: '127.0.0.1', port: redis.port, username: 'plain', password: 'spillway-secret-any' };
  await changesAreSeen(await twoCaches(target));
});

it('a lock stands in the way of no value, whatever its key', async () => {
  const redis = await redisServer();
  const cache = cacheOf({ redis: redis.url });
  const load = async (key: string) => ({ key });
  const values = cache.namespace('n', { ttl: '1h', lock: true, hardTimeout: '1m', load });
  await cache.ready(5_000);
  for (const key of ['x:lock', 'x', 'x:lock:lock']) expect(await values.get(key)).toEqual({ key });
  await until('all are in Redis, and no lock', async () => (await values.countKeys()).redis === 3);
  expect(values.stats()).toMatchObject({ loads: 3, poisoned: 0 });
});
