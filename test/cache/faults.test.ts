import { rmSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { ChaosProxy, type Weather } from '../../chaos/proxy.ts';
import type { Cache } from '../../src/cache/index.ts';
import type { RedisServer } from '../servers/index.ts';
import { DURABLE } from '../servers/index.ts';
import { seededRandom, testSeed } from '../support/random.ts';
import { cacheOf, countingLoader, redisClient, redisServer, until } from './rig.ts';

interface Scene {
  redis: RedisServer;
  /** A plain client, past the proxy. */
  admin: Redis;
  proxy: ChaosProxy;
}

/** A restart that has begun: it ends when Redis has loaded its data. */
let restarting: Promise<void> = Promise.resolve();

interface Fault {
  args?: string[];
  begin(scene: Scene): unknown;
  end(scene: Scene): unknown;
}

const weather = (what: Weather): Fault => ({
  begin: ({ proxy }) => proxy.set(what),
  end: ({ proxy }) => proxy.set({ kind: 'clear' }),
});
const config = (name: string, value: string, back: string): Fault => ({
  begin: ({ admin }) => admin.config('SET', name, value),
  end: ({ admin }) => admin.config('SET', name, back),
});

const faults: Record<string, Fault> = {
  'killed, back with its data': {
    args: DURABLE,
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
  },
  'killed, back empty': { begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.restart() },
  'loading its data': {
    args: ['--save', '3600 1', '--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024'],
    begin: async ({ redis, admin }) => {
      const writing = admin.pipeline();
      for (let at = 0; at < 300; at++) writing.set(`filler-${at}`, 'x'.repeat(100));
      await writing.exec();
      await admin.save();
      await redis.kill();
      restarting = redis.restart();
    },
    end: () => restarting,
  },
  flushed: { begin: ({ admin }) => admin.flushall(), end: () => {} },
  hung: { begin: ({ redis }) => redis.pause(), end: ({ redis }) => redis.resume() },
  'a short stall': {
    begin: ({ admin }) => void admin.call('DEBUG', 'SLEEP', '0.2').catch(() => {}),
    end: () => {},
    args: ['--enable-debug-command', 'local'],
  },
  'writes paused': {
    begin: ({ admin }) => admin.call('CLIENT', 'PAUSE', '60000', 'WRITE'),
    end: ({ admin }) => admin.call('CLIENT', 'UNPAUSE'),
  },
  'connections dropped': {
    begin: ({ admin }) => admin.call('CLIENT', 'KILL', 'TYPE', 'normal'),
    end: () => {},
  },
  'out of memory': config('maxmemory', '1', '0'),
  'snapshots fail': {
    begin: async ({ redis, admin }) => {
      rmSync(redis.dir, { recursive: true });
      await admin.config('SET', 'save', '1 1');
      await admin.set('dirty', 'x');
      await until('it refuses writes', async () => {
        await admin.bgsave().catch(() => {});
        return (await admin.set('dirty', 'y').catch((error: Error) => error.message)) !== 'OK';
      });
    },
    end: async ({ admin }) => {
      await admin.config('SET', 'stop-writes-on-bgsave-error', 'no');
      // It would want to save once more before it stops.
      await admin.config('SET', 'save', '');
    },
  },
  'read-only': {
    begin: ({ admin }) => admin.replicaof('127.0.0.1', 1),
    end: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  'too few replicas': config('min-replicas-to-write', '1', '0'),
  'a script that does not end': {
    args: ['--busy-reply-threshold', '50'],
    begin: async ({ redis, admin }) => {
      redisClient(redis.url)
        .eval('while true do end', 0)
        .catch(() => {});
      const answer = () => admin.ping().catch((error: Error) => error.message);
      await until('it is busy', async () => (await answer()).startsWith('BUSY'));
    },
    end: ({ admin }) => admin.script('KILL'),
  },
  latency: weather({ kind: 'slow', latencyMs: 60, jitterMs: 60 }),
  'resets before the reply': weather({ kind: 'reset-before-reply', share: 0.5 }),
  'nothing comes through': weather({ kind: 'blackhole', ways: ['requests', 'replies'] }),
  'no replies': weather({ kind: 'blackhole', ways: ['replies'] }),
  'one byte at a time': weather({ kind: 'fragments' }),
  'replies cut': weather({ kind: 'cut-replies', share: 0.5 }),
  flapping: weather({ kind: 'flapping', everyMs: 200 }),
};

it.each(Object.entries(faults))(
  '%s: right answers all the time, and Redis is used again',
  async (name, fault) => {
    const seed = testSeed();
    const redis = await redisServer(fault.args);
    const proxy = await ChaosProxy.start(redis.port, seededRandom(seed));
    onTestFinished(() => proxy.close());
    const scene = { redis, proxy, admin: redisClient(redis.url) };
    const cache = cacheOf({ redis: { host: '127.0.0.1', port: proxy.port } });
    const database = new Map<string, number>();
    const load = async (key: string) => ({ key, value: database.get(key) ?? 0 });
    const settings = { ttl: '1h', load, tags: (_: unknown, key: string) => [`tag-${key.length}`] };
    const values = cache.namespace('values', settings);
    const states: string[] = [];
    cache.on('redis', ({ state }) => states.push(state));
    const right = async (reader: typeof values, key: string) =>
      expect(await reader.get(key), `${name}, seed ${seed}`).toEqual(await load(key));
    const use = async () => {
      for (let round = 0; round < 4; round++) {
        for (const key of ['a', 'bb', 'ccc', `new-${round}`]) await right(values, key);
        database.set('a', (database.get('a') ?? 0) + 1);
        await values.delete('a');
        await right(values, 'a');
        database.set('bb', (database.get('bb') ?? 0) + 1);
        await values.invalidateTag('tag-2');
        await right(values, 'bb');
      }
    };
    expect(await cache.ready(5_000)).toBe(true);
    await use();
    await fault.begin(scene);
    await use();
    await fault.end(scene);
    await until(
      'Redis is used again',
      async () => cache.stats().redis === 'up' && cache.stats().journaled === 0,
    );
    await use();
    await untilUp(cache);
    // What somebody else finds in Redis is right as well.
    const fresh = cacheOf({ redis: redis.url });
    const others = fresh.namespace('values', settings);
    expect(await fresh.ready(5_000)).toBe(true);
    for (const key of ['a', 'bb', 'ccc']) await right(others, key);
    expect(states.length, 'no flapping of our own').toBeLessThan(20);
  },
);

async function untilUp(cache: Cache): Promise<void> {
  await until('all is in Redis', () => cache.stats().redis === 'up' && cache.stats().journaled === 0);
}

it('is let in nowhere: a wrong password, no connections left', async () => {
  const redis = await redisServer(['--requirepass', 'spillway-secret-cache']);
  const lines: string[] = [];
  const write = (_: object, message: string) => lines.push(message);
  const logger = { debug: write, info: write, warn: write, error: write };
  const wrong = cacheOf({
    redis: { host: '127.0.0.1', port: redis.port, password: 'spillway-secret-wrong' },
    logger,
  });
  const values = wrong.namespace('values', { ttl: '1h', load: async (key: string) => key });
  expect(await wrong.ready(300)).toBe(false);
  expect(await values.get('a')).toBe('a');
  await values.delete('a');
  expect(wrong.stats()).toMatchObject({ journaled: 1 });
  const admin = redisClient(redis.url);
  await admin.config('SET', 'maxclients', '1');
  const late = cacheOf({ redis: redis.url, logger });
  const others = late.namespace('values', { ttl: '1h', load: async (key: string) => key });
  expect(await others.get('a')).toBe('a');
  await admin.config('SET', 'maxclients', '1000');
  await until('it is let in', () => late.stats().redis === 'up');
  expect(lines.length, lines.join('\n')).toBeLessThan(10);
});

it('a database that Redis does not have: values come from memory and the loader, and nothing is put into another', async () => {
  const server = await redisServer();
  const cache = cacheOf({ redis: `${server.url}/99` });
  const loader = countingLoader(key => `value of ${key}`);
  const values = cache.namespace('n', { ttl: '1h', load: loader.load });
  const client = redisClient(server.url);
  const refused = async () => /errorstat_ERR:count=([2-9]|\d\d)/.test(await client.info('errorstats'));

  await until('it has tried to get in twice', refused);
  expect([await values.get('a'), await values.get('a'), loader.calls]).toEqual([
    'value of a',
    'value of a',
    1,
  ]);
  await values.set('b', 'set');
  await cache.close();
  expect(await client.keys('*')).toEqual([]);
});
