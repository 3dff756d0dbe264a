import type { Verdict } from './verdict.ts';

/**
 * What an error reply of PostgreSQL says; undefined for anything else, such as a lost connection, which has no SQLSTATE.
 * Classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function classifyPostgresError(error: object): Verdict | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  // Node's EPIPE has the form of a SQLSTATE too; only replies of the server have a severity.
  if (typeof code !== 'string' || typeof severity !== 'string' || !/^[0-9A-Z]{5}$/.test(code))
    return undefined;
  if (code.startsWith('28')) return 'credentials';
  // Connection, no resources, operator (shutdown, cancelled by a timeout), system, internal; a primary that became a replica.
  if (/^(08|53|57|58|XX)/.test(code) || code === '25006') return 'failure';
  // Data, constraint and syntax errors; also deadlocks and serialization failures (40): the server does its work, and to
  // try again is for whoever holds the whole transaction.
  return 'success';
}
