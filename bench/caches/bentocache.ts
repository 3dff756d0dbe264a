import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import type { OpenSubject } from './subject.ts';

/** Memory, Redis and the bus between processes; with `grace` and a soft timeout of 0, so that stale values are served at once. */
export const openBentocache: OpenSubject = async ({ port, ttlMs, graceMs, load }) => {
  muteUnheardErrors();
  const connect = () => new Redis({ host: '127.0.0.1', port }).on('error', () => {});
  const bento = new BentoCache({
    default: 'rows',
    stores: {
      rows: bentostore({ ttl: ttlMs, grace: graceMs, timeout: 0 })
        .useL1Layer(memoryDriver({ maxItems: 2_000_000 }))
        .useL2Layer(redisDriver({ connection: connect() }))
        .useBus(redisBusDriver({ connection: connect() })),
    },
  });
  return {
    read: key => bento.getOrSet({ key, factory: () => load(key) }),
    write: async (key, value) => void (await bento.set({ key, value })),
    close: () => bento.disconnectAll(),
  };
};

/** Its bus listens to no error of its connections: ioredis would print each attempt to reach a Redis that was killed. */
function muteUnheardErrors(): void {
  const print = console.error;
  console.error = (...words: unknown[]) => {
    if (!String(words[0]).startsWith('[ioredis] Unhandled error event')) print(...words);
  };
}
