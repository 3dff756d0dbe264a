import { ConnectionClosedError } from 'bullmq';
import { SqliteUnavailableError } from './failure.ts';
import type { Session } from './session.ts';
import { monotonicMs } from './time.ts';

/** What an operation is, for the batch it runs in. */
export interface OperationKind {
  /** `read` changes nothing. */
  access: 'read' | 'write';
  /**
   * Whether its answer promises that it survives a power loss: what it wrote, and what it saw. Claims and lock renewals
   * don't: losing one runs the job again.
   */
  durable?: boolean;
  /** Whether it leaves what the session remembers of single jobs true; see `Session.forgetJobs`. */
  keepsJobs?: boolean;
  /** It reports what a worker has done, so it is tried again until it succeeds instead of failing a job that ran. */
  report?: boolean;
  /** It claims a job: tells how many to read ahead. */
  claims?: boolean;
}

export const READ: OperationKind = { access: 'read' };
export const WRITE: OperationKind = { access: 'write', durable: true };

/** An operation on its way through the store. */
export interface Operation {
  kind: OperationKind;
  run: (session: Session) => unknown;
  resolve: (value: never) => void;
  reject: (error: Error) => void;
  /** See `isLate`. */
  deadline?: number;
}

export function isDurable({ kind }: Operation): boolean {
  return kind.durable === true;
}

/** Whether it has waited `busyTimeoutMs` for another process's lock, or for the disk, since it first failed. */
export function isLate(operation: Operation, { busyTimeoutMs }: { busyTimeoutMs: number }): boolean {
  operation.deadline ??= monotonicMs() + busyTimeoutMs;
  return monotonicMs() > operation.deadline;
}

/**
 * Rejects an operation. A worker's claims and reports get an error that BullMQ takes for a lost connection: it tries
 * again later, instead of asking in a loop or recording a job that ran as failed.
 */
export function refuse({ kind, reject }: Operation, failure: Error): void {
  const ofWorker = kind.report === true || kind.claims === true;
  reject(
    ofWorker && !(failure instanceof ConnectionClosedError) ? new SqliteUnavailableError(failure) : failure,
  );
}
