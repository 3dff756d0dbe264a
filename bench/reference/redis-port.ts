import type { StoreAddress } from '../harness/store.ts';

/** The references know only Redis. */
export function redisPort(store: StoreAddress): number {
  if (store.kind !== 'redis') throw new TypeError(`this server runs on redis, got ${store.kind}`);
  return store.port;
}
