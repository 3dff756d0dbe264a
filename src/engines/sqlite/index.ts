import type { BackendFactory } from 'bullmq';
import type { BackendOptions } from './backend/core.ts';
import { SqliteQueueBackend } from './backend/sqlite-backend.ts';
import { resolveOptions, type SqliteConnectionOptions } from './options.ts';
import { acquireStore } from './registry.ts';

export { SqliteQueueBackend } from './backend/sqlite-backend.ts';
export { type ChangeKind, type Companion, type CompanionHandle, openCompanion } from './companion.ts';
export type { SqliteConnectionOptions } from './options.ts';
export type { Prepared, Row } from './sql/prepare.ts';
export type { StandbyCounts, StandbyJobs, StandbyView } from './standby/jobs.ts';
export type { EndingKey, KeyPage, KeyPlace } from './standby/keys.ts';
export type { TakenOut } from './standby/take-out.ts';
export type { Place, TakenJob, TakenScheduler, TakenUnit } from './standby/taken.ts';
export type { Steps } from './store.ts';
export { type MachineClock, machineClock } from './time.ts';

/**
 * BullMQ's BackendFactory on a SQLite file: durable queues with no server.
 *
 * ```ts
 * const connection = { file: './q.db' };
 * const queue = new Queue('mail', { connection }, createSqliteBackend);
 * const worker = new Worker('mail', async job => send(job.data), { connection }, createSqliteBackend);
 * ```
 *
 * Also through BullMQ's `withBackend(createSqliteBackend)` and `setDefaultBackendFactory(createSqliteBackend)`.
 * @throws SpillwayError, at once, when the options are out of range or the file can't be used; see docs/errors.md.
 */
export const createSqliteBackend: BackendFactory<SqliteQueueBackend, SqliteConnectionOptions> = (
  name,
  opts,
  { blocking = false, withBlockingConnection = false } = {},
) => {
  const handle = acquireStore(resolveOptions(opts.connection));
  const role = withBlockingConnection ? 'worker' : blocking ? 'reader' : 'plain';
  return new SqliteQueueBackend({ handle, owner: true }, name, opts as BackendOptions, role);
};
