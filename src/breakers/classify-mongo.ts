import type { Verdict } from './verdict.ts';

const CREDENTIALS: ReadonlySet<unknown> = new Set([13, 18, 391, 8000]);

/** Unreachable, shutting down, stepping down, out of time or of room: server error codes that are about the server. */
const SERVER_AT_FAULT: ReadonlySet<unknown> = new Set([
  ...[6, 7, 50, 64, 89, 91, 100, 133, 134, 189, 202, 262, 462, 9001],
  ...[10107, 11600, 11602, 13435, 13436, 14031],
]);

/** Two writers met: the server does its work, and to try again is for whoever holds the whole transaction. */
const WRITE_CONFLICT = 112;

/** Misuse of the driver: no server was asked. */
const REQUEST_AT_FAULT =
  /^Mongo(API|InvalidArgument|MissingDependency|Parse|Crypt\w*|Transaction|ExpiredSession|CursorExhausted|CursorInUse|TailableCursor|BatchReExecution|GridFS\w*)Error$/;

/** The drivers' specifications put these on errors that another server, or the same one later, may not give. */
const SERVER_LABELS: ReadonlySet<unknown> = new Set([
  'RetryableWriteError',
  'TransientTransactionError',
  'HandshakeError',
  'ResetPool',
  'PoolRequestedRetry',
]);

/**
 * What an error of MongoDB's driver says; undefined for any other error. By its class and labels, and by code for error
 * replies: https://www.mongodb.com/docs/manual/reference/error-codes/
 */
export function classifyMongoError(error: object): Verdict | undefined {
  const { name, code, errorLabels } = error as { name?: unknown; code?: unknown; errorLabels?: unknown };
  if (typeof name !== 'string' || !name.startsWith('Mongo')) return undefined;
  if (CREDENTIALS.has(code)) return 'credentials';
  if (code === WRITE_CONFLICT || REQUEST_AT_FAULT.test(name)) return 'success';
  const labels: unknown[] = Array.isArray(errorLabels) ? errorLabels : [];
  if (SERVER_AT_FAULT.has(code) || labels.some(label => SERVER_LABELS.has(label))) return 'failure';
  // The other replies are about the request: duplicate keys, validation, bad operators.
  return /^Mongo(Server|BulkWrite|ClientBulkWrite|WriteConcern)Error$/.test(name) ? 'success' : 'failure';
}
