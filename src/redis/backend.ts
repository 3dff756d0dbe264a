import {
  type BackendFactory,
  type ConnectionOptions,
  createRedisBackend,
  type RedisQueueBackend,
} from 'bullmq';
import type { RedisTarget } from '../config/index.ts';
import { isWrongDatabase, openRedis } from './open.ts';

/**
 * BullMQ's Redis backend, each with a connection of its own, for any target: of a cluster BullMQ takes an open client only,
 * and leaves it open, so this one is closed with the backend it was opened for.
 */
export const createTargetBackend: BackendFactory<RedisQueueBackend, RedisTarget> = (name, opts, kind) => {
  const target = opts.connection;
  if (!target?.cluster) {
    const backend = createRedisBackend(name, { ...opts, connection: target as ConnectionOptions }, kind);
    backend.on('error', (error: Error) => {
      if (isWrongDatabase(error)) clientOf(backend)?.disconnect(true);
    });
    return backend;
  }
  // BullMQ connects it, or a copy where the call blocks.
  const client = openRedis({ ...target, lazyConnect: true });
  const backend = createRedisBackend(name, { ...opts, connection: client }, kind);
  const { close, disconnect } = backend;
  const ended = <T>(closing: Promise<T>) => closing.finally(() => client.disconnect());
  return Object.assign(backend, {
    close: (force?: boolean) => ended(close.call(backend, force)),
    disconnect: () => ended(disconnect.call(backend)),
  });
};

/** BullMQ gives its client away when it is ready, which is too late to keep it from being used. */
function clientOf(backend: RedisQueueBackend): { disconnect(reconnect: boolean): void } | undefined {
  const { connection } = backend as unknown as {
    connection?: { _client?: { disconnect(reconnect: boolean): void } };
  };
  return connection?._client;
}
