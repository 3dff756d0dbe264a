import type { BackendFactory, IQueueBackend, Job, JobsOptions, PostgresConnectionOptions } from 'bullmq';
import type { RedisTarget } from '../../redis/index.ts';
import { SpillwayError } from '../../shared/errors.ts';
import { refuseMisspelt } from '../../shared/unknown-option.ts';
import type { SqliteConnectionOptions } from '../sqlite/index.ts';

/** Which jobs on the primary also have a copy in the standby's file, so that a primary that comes back empty loses none. */
export type JournalMode = 'off' | 'until-persisted' | 'until-completed';
export const journalModes = ['off', 'until-persisted', 'until-completed'] as const satisfies JournalMode[];

/** Any BullMQ backend as the primary: its factory and what its `connection` option takes. */
export interface OtherPrimary {
  // The connection's type is the factory's business; BullMQ types it as a parameter of the factory.
  factory: BackendFactory<IQueueBackend, never>;
  connection: unknown;
  /** Tells it from others in logs and shares its state among the process's queues. Never a secret. */
  name: string;
}

/**
 * How a `Queue`, `Worker` or other BullMQ object reaches its two homes: the `connection` option when the backend factory
 * is `createFailoverBackend`. Exactly one of `redis`, `postgres` and `primary` is given.
 */
export interface FailoverConnectionOptions {
  /** A `redis://` or `rediss://` URL (Sentinel and Cluster forms too, see docs/configuration.md), or ioredis options. */
  redis?: string | RedisTarget;
  /** A `postgres://` URL or a node-postgres pool configuration, as BullMQ's PostgreSQL backend takes it. */
  postgres?: PostgresConnectionOptions;
  /** Any other BullMQ backend. */
  primary?: OtherPrimary;
  /** The standby's file; see SqliteConnectionOptions. All processes of the machine that share work name the same file. */
  sqlite: SqliteConnectionOptions;
  /**
   * `off` (default): no copies; a primary that lost its data is detected and reported. `until-persisted`: a copy until
   * Redis has written the job to its disk. `until-completed`: a copy until the job is finished; then not even FLUSHALL
   * loses one.
   */
  journal?: JournalMode;
  /**
   * How long a call of a producer takes at most, the standby's part included; a quarter of it, up to 100 ms, is kept for
   * that. A probe has half of it. Milliseconds, 100 to 60000, default 500; for a distant primary at least ten round trips.
   */
  deadlineMs?: number;
  /** At most so many jobs a second go back to the primary after an outage. 1 to 1000000, default 10000. */
  drainPerSecond?: number;
  /**
   * By queue name, what may run inside `add` when neither the primary nor the standby can keep the job: the last rung before
   * refusing. `add` resolves when it has run, at once whatever its delay, and rejects with what the handler throws. Each
   * connection's own, and may be added to later. Default none.
   */
  inline?: Readonly<Record<string, InlineHandler>>;
}

/** Runs a job that nothing can keep. */
export type InlineHandler = (job: InlineJob) => Promise<unknown> | unknown;

/** What is known of a job that was never stored. */
export interface InlineJob {
  id: string;
  name: string;
  /** As BullMQ types it where nobody says more. */
  data: Job['data'];
  opts: JobsOptions;
}

export type ResolvedFailoverOptions = FailoverConnectionOptions &
  Required<Pick<FailoverConnectionOptions, 'journal' | 'deadlineMs' | 'drainPerSecond' | 'inline'>>;

export const DEFAULTS = {
  journal: 'off',
  deadlineMs: 500,
  drainPerSecond: 10_000,
  inline: {},
} as const satisfies Partial<FailoverConnectionOptions>;

const known = {
  redis: true,
  postgres: true,
  primary: true,
  sqlite: true,
  journal: true,
  deadlineMs: true,
  drainPerSecond: true,
  inline: true,
} as const satisfies Record<keyof FailoverConnectionOptions, true>;

/**
 * Checks the options and fills in the defaults.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION naming the option, its range and the value received (never an address).
 */
export function resolveOptions(given: unknown): ResolvedFailoverOptions {
  if (typeof given !== 'object' || given === null) {
    throw invalid('connection', 'an object { redis, sqlite: { file } }', typeof given);
  }
  refuseMisspelt('connection', given, Object.keys(known));
  const options = given as FailoverConnectionOptions;
  const primaries = (['redis', 'postgres', 'primary'] as const).filter(name => options[name] !== undefined);
  if (primaries.length !== 1) {
    const received = primaries.length === 0 ? 'none of them' : primaries.join(' and ');
    throw invalid('connection', 'an object with one of redis, postgres and primary', received);
  }
  if (typeof options.sqlite !== 'object' || options.sqlite === null) {
    throw invalid('connection.sqlite', 'an object { file }', typeof options.sqlite);
  }
  const { journal = DEFAULTS.journal, deadlineMs = DEFAULTS.deadlineMs } = options;
  const { drainPerSecond = DEFAULTS.drainPerSecond, inline = DEFAULTS.inline } = options;
  if (!journalModes.includes(journal)) throw invalid('connection.journal', journalModes.join(', '), journal);
  checkNumber('connection.deadlineMs', deadlineMs, 100, 60_000, ' ms');
  checkNumber('connection.drainPerSecond', drainPerSecond, 1, 1_000_000, ' jobs');
  if (
    typeof inline !== 'object' ||
    inline === null ||
    Object.values(inline).some(handler => typeof handler !== 'function')
  ) {
    throw invalid('connection.inline', 'an object of functions by queue name', typeof inline);
  }
  return { ...options, journal, deadlineMs, drainPerSecond, inline: inline as Record<string, InlineHandler> };
}

function checkNumber(option: string, value: unknown, least: number, most: number, unit: string): void {
  if (typeof value === 'number' && value >= least && value <= most) return;
  throw invalid(option, `${least} to ${most}${unit}`, value);
}

function invalid(option: string, range: string, received: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} must be ${range}; received ${String(received)}.`,
    { details: { option, range } },
  );
}
