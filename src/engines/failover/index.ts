import type { BackendFactory } from 'bullmq';
import { createSqliteBackend } from '../sqlite/index.ts';
import type { BackendOptions } from './backend/core.ts';
import { FailoverQueueBackend } from './backend/failover-backend.ts';
import { PrimaryLink } from './backend/primary-link.ts';
import type { Controller } from './controller.ts';
import { type FailoverConnectionOptions, resolveOptions } from './options.ts';
import { choosePrimary } from './primary/index.ts';
import { acquireController, type Internals } from './registry.ts';

export { FailoverQueueBackend } from './backend/failover-backend.ts';
export type { Controller as FailoverController } from './controller.ts';
export type { EngineState, Transition } from './machine.ts';
export type {
  FailoverConnectionOptions,
  InlineHandler,
  InlineJob,
  JournalMode,
  OtherPrimary,
} from './options.ts';
export type { DrainProgress, FailoverEvents, FailoverStatus, Loss, Rung } from './status.ts';

/**
 * BullMQ's BackendFactory on two homes: Redis (or PostgreSQL) while it answers, a local SQLite file while it doesn't.
 *
 * ```ts
 * const connection = { redis: 'redis://localhost', sqlite: { file: './standby.db' } };
 * const queue = new Queue('mail', { connection }, createFailoverBackend);
 * const worker = new Worker('mail', async job => send(job.data), { connection }, createFailoverBackend);
 * ```
 *
 * Also through BullMQ's `withBackend(createFailoverBackend)` and `setDefaultBackendFactory(createFailoverBackend)`.
 * @throws SpillwayError, at once, when the options are out of range or the standby's file can't be used.
 */
export const createFailoverBackend: FailoverFactory = (name, opts, role) => open(name, opts, role, {});

type FailoverFactory = BackendFactory<FailoverQueueBackend, FailoverConnectionOptions>;
type Given = Parameters<FailoverFactory>;

/**
 * The same at another pace, for the engine's own tests.
 *
 * @internal
 */
export function failoverFactory(internals: Internals): FailoverFactory {
  return (name, opts, role) => open(name, opts, role, internals);
}

function open(
  name: Given[0],
  opts: Given[1],
  role: Given[2] = {},
  internals: Internals,
): FailoverQueueBackend {
  const options = opts as BackendOptions;
  const connection = resolveOptions(opts.connection);
  const primary = choosePrimary(connection, options.prefix ?? 'bull');
  const share = acquireController(connection, primary, internals);
  const { controller } = share;
  const standby = createSqliteBackend(name, { ...opts, connection: connection.sqlite }, role);
  const link = new PrimaryLink(controller, () => primary.connect(name, options, role));
  const parts = { controller, standby, link, owner: true };
  return new FailoverQueueBackend(parts, name, options, share, role.withBlockingConnection === true);
}

/** The engine behind a Queue, Worker or other BullMQ object made with `createFailoverBackend`: its status and events. */
export function failoverOf(object: { getBackend(): unknown }): Controller {
  const backend = object.getBackend();
  if (backend instanceof FailoverQueueBackend) return backend.controller;
  throw new TypeError('failoverOf takes an object made with createFailoverBackend');
}
