import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { type Cache, type CacheOptions, createCache } from '../../src/cache/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';

/** A cache that is closed after the test. */
export function cacheOf(options: CacheOptions): Cache {
  const cache = createCache(options);
  onTestFinished(() => cache.close());
  return cache;
}

/** A plain client, disconnected after the test. */
export function redisClient(url: string): Redis {
  const client = new Redis(url, { replyMapping: 'legacy' });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** A Redis that is stopped after the test. */
export async function redisServer(args: string[] = []): Promise<RedisServer> {
  const server = await startRedis({ args });
  onTestFinished(() => server.stop());
  return server;
}

/** Asks until it holds; fails with `what` after 10 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

/** A loader that counts its calls and can be told what to do. */
export function countingLoader<V>(first: (key: string) => V | Promise<V>) {
  const loader = {
    calls: 0,
    answer: first,
    load: async (key: string): Promise<V> => {
      loader.calls++;
      return loader.answer(key);
    },
  };
  return loader;
}
