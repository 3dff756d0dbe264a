import { resolve } from 'node:path';
import { SpillwayError } from '../../shared/errors.ts';
import { refuseMisspelt } from '../../shared/unknown-option.ts';

/**
 * How a `Queue`, `Worker` or other BullMQ object reaches its SQLite file: the `connection` option
 * when the backend factory is `createSqliteBackend`.
 */
export interface SqliteConnectionOptions {
  /**
   * Path of the database file, made if missing with mode 0600; its folder must exist and be on a local disk.
   * `:memory:` keeps everything in this process's memory, shared by all objects of the process that use it and
   * gone when the last of them is closed.
   */
  file: string;
  /**
   * What an acknowledged operation has survived. `full` (default): power loss, an fsync before each
   * acknowledgement, shared by all operations of the same turn. `normal`: the end of the process (`kill -9`), but
   * the last moments before a power loss may be missing.
   */
  durability?: 'full' | 'normal';
  /**
   * How long an operation waits for another process that holds the file's write lock before it fails with
   * SPILLWAY_SQLITE_BUSY. Milliseconds, 100 to 600000, default 10000.
   */
  busyTimeoutMs?: number;
}

export type ResolvedOptions = Required<SqliteConnectionOptions>;

export const DEFAULTS = {
  durability: 'full',
  busyTimeoutMs: 10_000,
} as const satisfies Omit<ResolvedOptions, 'file'>;

const MIN_BUSY_MS = 100;
const MAX_BUSY_MS = 600_000;

/**
 * Checks the options and fills in the defaults; `file` becomes absolute.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION naming the option, its range and the value received.
 */
export function resolveOptions(given: unknown): ResolvedOptions {
  if (typeof given !== 'object' || given === null) {
    throw invalid('connection', 'an object with a `file`', given);
  }
  refuseMisspelt('connection', given, ['file', 'durability', 'busyTimeoutMs']);
  const { file, durability, busyTimeoutMs } = given as Partial<
    Record<keyof SqliteConnectionOptions, unknown>
  >;
  if (typeof file !== 'string' || file === '' || file.includes('\0')) {
    throw invalid('connection.file', 'a path, or ":memory:"', file);
  }
  if (durability !== undefined && durability !== 'full' && durability !== 'normal') {
    throw invalid('connection.durability', '"full" or "normal"', durability);
  }
  if (
    busyTimeoutMs !== undefined &&
    !(typeof busyTimeoutMs === 'number' && busyTimeoutMs >= MIN_BUSY_MS && busyTimeoutMs <= MAX_BUSY_MS)
  ) {
    throw invalid('connection.busyTimeoutMs', `${MIN_BUSY_MS} to ${MAX_BUSY_MS} milliseconds`, busyTimeoutMs);
  }
  return {
    file: file === ':memory:' ? file : resolve(file),
    durability: durability ?? DEFAULTS.durability,
    busyTimeoutMs: busyTimeoutMs ?? DEFAULTS.busyTimeoutMs,
  };
}

function invalid(option: string, range: string, received: unknown): SpillwayError {
  const shown = typeof received === 'string' ? JSON.stringify(received) : String(received);
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} must be ${range}; received ${shown}.`,
    {
      details: { option, range },
    },
  );
}
