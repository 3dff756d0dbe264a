import { type BackendFactory, Queue, type QueueBaseOptions } from 'bullmq';
import {
  createSqliteBackend,
  type SqliteConnectionOptions,
  type SqliteQueueBackend,
} from '../../src/engines/sqlite/index.ts';

/** BullMQ's Queue on a file, in this process. Close it. */
export function openQueue(connection: SqliteConnectionOptions, name = 'jobs'): Queue {
  const queue = new Queue(
    name,
    { connection: connection as never },
    createSqliteBackend as unknown as BackendFactory<never>,
  );
  queue.on('error', () => undefined);
  return queue as unknown as Queue;
}

/** The backend itself, as a worker has it. */
export function openBackend(
  connection: SqliteConnectionOptions,
  options: Record<string, unknown> = {},
): SqliteQueueBackend {
  const opts = { ...options, connection } as unknown as QueueBaseOptions<SqliteConnectionOptions>;
  const backend = createSqliteBackend('jobs', opts, { withBlockingConnection: true });
  backend.on('error', () => undefined);
  return backend;
}

/** The error that opening gives; undefined when there is none. */
export async function openingError(
  connection: SqliteConnectionOptions,
): Promise<{ code?: string; message: string } | undefined> {
  let queue: Queue | undefined;
  try {
    queue = openQueue(connection);
    await queue.getJobCounts();
    return undefined;
  } catch (error) {
    return error as Error;
  } finally {
    await queue?.close();
  }
}
