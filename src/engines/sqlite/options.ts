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
