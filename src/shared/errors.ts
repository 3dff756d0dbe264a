/**
 * The one base class of every error Spillway raises on purpose.
 *
 * `code` is stable and listed in docs/errors.md; `message` names the value received and how to mend it.
 * No secret may ever enter a message, a cause or a detail: mask connection strings before they get here.
 */
export class SpillwayError extends Error {
  override readonly name: string = 'SpillwayError';
  readonly code: SpillwayErrorCode;
  /** The facts behind the message, for programs. Never holds a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: SpillwayErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Where docs/errors.md explains this code. */
  get docs(): string {
    return `docs/errors.md#${this.code.toLowerCase()}`;
  }
}

/** Stable error codes; one section each in docs/errors.md. */
export type SpillwayErrorCode =
  // input
  | 'SPILLWAY_INVALID_OPTION'
  | 'SPILLWAY_INVALID_JOB'
  | 'SPILLWAY_INVALID_PAYLOAD'
  | 'SPILLWAY_UNKNOWN_QUEUE'
  // configuration
  | 'SPILLWAY_INVALID_CONFIG'
  // lifecycle
  | 'SPILLWAY_CLOSED'
  // the SQLite engine
  | 'SPILLWAY_SQLITE_OPEN'
  | 'SPILLWAY_SQLITE_READ_ONLY'
  | 'SPILLWAY_SQLITE_NETWORK_DISK'
  | 'SPILLWAY_SQLITE_NEWER_SCHEMA'
  | 'SPILLWAY_SQLITE_CORRUPT'
  | 'SPILLWAY_SQLITE_LOST_COMMITS'
  | 'SPILLWAY_SQLITE_QUARANTINED'
  | 'SPILLWAY_SQLITE_BUSY'
  | 'SPILLWAY_SQLITE_FULL'
  | 'SPILLWAY_SQLITE_IO'
  | 'SPILLWAY_SQLITE_NOT_KEPT'
  // the failover engine
  | 'SPILLWAY_PRIMARY_AWAY'
  | 'SPILLWAY_UNAVAILABLE'
  // live switches
  | 'SPILLWAY_UNKNOWN_SWITCH'
  | 'SPILLWAY_SWITCH_NOT_KEPT'
  // circuit breakers and provider chains
  | 'SPILLWAY_BREAKER_OPEN'
  | 'SPILLWAY_BREAKER_TIMEOUT'
  | 'SPILLWAY_BREAKER_FULL'
  | 'SPILLWAY_BREAKER_EXISTS'
  | 'SPILLWAY_UNKNOWN_BREAKER'
  | 'SPILLWAY_BREAKER_MODE_NOT_KEPT'
  | 'SPILLWAY_CHAIN_UNAVAILABLE'
  | 'SPILLWAY_CHAIN_FAILED'
  | 'SPILLWAY_STREAM_INCOMPLETE'
  // the cache
  | 'SPILLWAY_CACHE_VALUE'
  | 'SPILLWAY_CACHE_LOAD_TIMEOUT'
  | 'SPILLWAY_CACHE_NAMESPACE'
  // sessions
  | 'SPILLWAY_SESSION_VALUE'
  | 'SPILLWAY_SESSION_UNKNOWN'
  // webhooks
  | 'SPILLWAY_WEBHOOK_SIGNATURE'
  | 'SPILLWAY_WEBHOOK_UNKNOWN_SOURCE'
  | 'SPILLWAY_WEBHOOK_NOT_PERSISTED';

/** Tells a Spillway error from any other, also across copies of the package. */
export function isSpillwayError(error: unknown, code?: SpillwayErrorCode): error is SpillwayError {
  return (
    error instanceof Error &&
    typeof (error as Partial<SpillwayError>).code === 'string' &&
    String((error as Partial<SpillwayError>).code).startsWith('SPILLWAY_') &&
    (code === undefined || (error as Partial<SpillwayError>).code === code)
  );
}
