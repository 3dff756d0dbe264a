import { ConnectionClosedError } from 'bullmq';
import { SpillwayError, type SpillwayErrorCode } from '../../shared/errors.ts';

/** SQLite's primary result codes we tell apart (https://www.sqlite.org/rescode.html). */
const SQLITE = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** Another process holds the write lock: worth waiting for. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE.busy || code === SQLITE.locked;
}

/** The file can no longer be trusted. */
export function isCorruption(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE.corrupt || code === SQLITE.notADatabase;
}

/** The medium refuses for now (full, I/O error, read-only): the data on it is intact and it may recover. */
export function isMediumFault(error: unknown): boolean {
  const code = primaryCode(error);
  return (
    code === SQLITE.full || code === SQLITE.ioError || code === SQLITE.readOnly || code === SQLITE.cannotOpen
  );
}

/** Puts an error of SQLite into our words; any other error is returned as it is. */
export function translate(error: unknown, file: string): Error {
  const code = primaryCode(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === undefined) return error instanceof Error ? error : new Error(text);
  const [ours, message] = words(code, file, text);
  return new SpillwayError(ours, message, { cause: error, details: { file, sqlite: code } });
}

function words(code: number, file: string, text: string): [SpillwayErrorCode, string] {
  switch (code) {
    case SQLITE.busy:
    case SQLITE.locked:
      return [
        'SPILLWAY_SQLITE_BUSY',
        `${file} stayed locked by another process longer than busyTimeoutMs. Nothing was written. Find the process that holds it (a backup, a shell in a transaction), or raise busyTimeoutMs.`,
      ];
    case SQLITE.full:
      return [
        'SPILLWAY_SQLITE_FULL',
        `The disk of ${file} is full: nothing was written, what was there is intact. Free some space; work goes on by itself.`,
      ];
    case SQLITE.readOnly:
      return [
        'SPILLWAY_SQLITE_READ_ONLY',
        `${file} can't be written: the file, its folder or its disk is read-only for this user. Nothing was written.`,
      ];
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return ['SPILLWAY_SQLITE_CORRUPT', `${file} is damaged (${text}). It is not used any further.`];
    case SQLITE.ioError:
      return [
        'SPILLWAY_SQLITE_IO',
        `Reading or writing ${file} failed (${text}). Nothing was acknowledged; check the disk, its space and its quota, and whether it has become read-only.`,
      ];
    default:
      return ['SPILLWAY_SQLITE_IO', `SQLite could not work on ${file} (${text}).`];
  }
}

/**
 * The disk did not take the log. The kernel may have dropped what it could not write, and say nothing the next time it is
 * asked, so nothing that comes after could be relied on either.
 */
export function notOnDisk(cause: Error, file: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_SQLITE_NOT_KEPT',
    `The disk of ${file} failed to keep what was written (${cause.message}). What was under way may be lost or stored, and this process does not use the file any further. Check the disk, then start again.`,
    { cause, details: { file } },
  );
}

/**
 * What a worker's report of a finished job gets when the file can't take it now. BullMQ treats this class as a lost
 * connection and reports again later; for any other error it would record the finished job as failed.
 */
export class SqliteUnavailableError extends ConnectionClosedError {
  readonly code: SpillwayErrorCode;
  constructor(error: Error) {
    super(error.message, error);
    this.name = 'SqliteUnavailableError';
    this.code = error instanceof SpillwayError ? error.code : 'SPILLWAY_SQLITE_IO';
  }
}

/** What operations get after `close()`; BullMQ knows it as the normal end of a connection. */
export function closedError(): Error {
  return Object.assign(new ConnectionClosedError(), { code: 'SPILLWAY_CLOSED' as const });
}
