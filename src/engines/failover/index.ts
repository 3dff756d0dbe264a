import { randomBytes } from 'node:crypto';
import type { BackendFactory } from 'bullmq';
import { systemClock } from '../../shared/clock.ts';
import { SpillwayError } from '../../shared/errors.ts';
import { createSqliteBackend, type SqliteConnectionOptions } from '../sqlite/index.ts';
import type { BackendOptions } from './backend/core.ts';
import { FailoverQueueBackend } from './backend/failover-backend.ts';
import { PrimaryLink } from './backend/primary-link.ts';
import type { Controller } from './controller.ts';
import { JobIds } from './ids.ts';
import { Ledger, type Switch, type SwitchSetting } from './ledger/index.ts';
import { type FailoverConnectionOptions, resolveOptions } from './options.ts';
import { choosePrimary } from './primary/index.ts';
import { acquireController, type Internals } from './registry.ts';

export { FailoverQueueBackend } from './backend/failover-backend.ts';
export type { Controller as FailoverController } from './controller.ts';
export type { Switch, SwitchSetting } from './ledger/index.ts';
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
  return new FailoverQueueBackend(parts, name, options, share, role);
}

/** A share in this process's engine, apart from any Queue or Worker. */
export interface OpenFailover {
  readonly controller: Controller;
  /** Gives up the share; the last one of the process closes the engine. */
  close(): Promise<void>;
}

/**
 * Opens the engine, or joins those who have it open in this process, without a Queue: for its status and events.
 * @param prefix BullMQ's key prefix. Default `bull`.
 * @throws as createFailoverBackend.
 */
export function openFailover(given: FailoverConnectionOptions, prefix = 'bull'): OpenFailover {
  const connection = resolveOptions(given);
  const share = acquireController(connection, choosePrimary(connection, prefix), {});
  return { controller: share.controller, close: () => share.release() };
}

/** The live switches in a queue file, which all processes of the machine share. */
export interface SwitchStore {
  /** Durable when it resolves. Engines on the file act within a second. */
  set(name: string, setting: SwitchSetting): Promise<void>;
  /** Those that were set and have not expired, by name. */
  inForce(): Promise<Switch[]>;
  /** The same before any turn of the event loop. Throws where the file can't be read just now. */
  inForceNow(): Switch[];
  close(): Promise<void>;
}

/** Opens the switches of a file, with or without an engine on it. @throws as createSqliteBackend. */
export function openSwitches(sqlite: SqliteConnectionOptions): SwitchStore {
  const ledger = Ledger.open(sqlite);
  return {
    set: (name, setting) => ledger.setSwitch(name, setting),
    inForce: () => ledger.switches(),
    inForceNow: () => ledger.switchesNow(),
    close: () => ledger.close(),
  };
}

/** Names jobs as this engine does, for jobs that may later go to a primary: no counter's number may meet another there. */
export function createJobIds(): () => string {
  const ids = new JobIds(randomBytes(6).toString('hex'), () => systemClock.now());
  return () => ids.next();
}

/**
 * The engine behind a Queue, Worker or other BullMQ object made with `createFailoverBackend`: its status and events.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION for anything else.
 */
export function failoverOf(object: { getBackend(): unknown }): Controller {
  const given: Partial<typeof object> | null | undefined = object;
  const backend = typeof given?.getBackend === 'function' ? given.getBackend() : undefined;
  if (backend instanceof FailoverQueueBackend) return backend.controller;
  const received = nameOf(object);
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `failoverOf takes a Queue, Worker or other BullMQ object made with createFailoverBackend; received ${received}.`,
    { details: { option: 'object', received } },
  );
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const made = (value as { constructor?: { name?: string } }).constructor;
  return `an object of class ${made?.name ?? null}`;
}
