import { EventEmitter } from 'node:events';
import type { DatabaseSync } from 'node:sqlite';
import { Refusal } from './codes.ts';
import {
  closedError,
  isBusy,
  isCorruption,
  isMediumFault,
  SqliteUnavailableError,
  translate,
} from './failure.ts';
import { FileGuard } from './file-guard.ts';
import { openFile } from './open.ts';
import type { ResolvedOptions } from './options.ts';
import { quarantine } from './quarantine.ts';
import type { QueueState } from './queue-state.ts';
import { Session } from './session.ts';
import { prepare } from './sql/prepare.ts';
import { monotonicMs, timers } from './time.ts';
import { Waiting } from './waiting.ts';

/** What an operation is, for the batch it runs in. */
export interface OperationKind {
  /** `read` changes nothing. */
  access: 'read' | 'write';
  /** Whether its answer promises that it survives a power loss. Claims and lock renewals don't: losing one runs the job again. */
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

interface Operation {
  kind: OperationKind;
  run: (session: Session) => unknown;
  resolve: (value: never) => void;
  reject: (error: Error) => void;
  /** When (monotonic) waiting for another process's lock ends. */
  deadline: number;
}

/** A long atomic operation: each step is a slice of one transaction that stays open over several turns. */
export type Steps<T> = Generator<void, T, void>;

/** No transaction of ours holds the event loop longer than about this, in milliseconds. */
const BATCH_BUDGET_MS = 6;
/** How long a report waits before it is tried again while the disk refuses. */
const REPORT_RETRY_MS = 200;
/** How long after a claim failed the worker gets to know it. */
const CLAIM_RETRY_MS = 200;

/**
 * One open file, shared by all backends of the process that name it. Collects the operations called in one turn of
 * the event loop and runs them in one transaction with one fsync (group commit). If one of them fails unexpectedly the
 * transaction is undone and each is run again in its own, so that a failing operation never takes its neighbours along.
 */
export class Store extends EventEmitter {
  readonly options: ResolvedOptions;
  readonly session: Session;
  readonly waiting: Waiting;
  readonly #db: DatabaseSync;
  readonly #guard: FileGuard;
  readonly #begin;
  readonly #commit;
  readonly #rollback;
  #pending: Operation[] = [];
  /** Operations to be run one by one, because together they failed. */
  #alone: Operation[] = [];
  /** Reports that the disk refused. One is tried again now and then, the rest once one succeeds. */
  #parked: Operation[] = [];
  #probe: Operation | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #exclusive: Promise<unknown> | undefined;
  #fsync = true;
  #broken: Error | undefined;
  #closing = false;
  #drained: (() => void) | undefined;
  /** Acknowledged commits that a power loss took (durability `normal`), found when the file was opened. */
  readonly lostCommits: number;
  #lossReported = false;

  constructor(options: ResolvedOptions) {
    super();
    this.setMaxListeners(0);
    this.options = options;
    const opened = openFile(options.file, options.busyTimeoutMs);
    this.#db = opened.db;
    this.lostCommits = opened.lostCommits;
    this.#begin = prepare(this.#db, 'BEGIN IMMEDIATE');
    this.#commit = prepare(this.#db, 'COMMIT');
    this.#rollback = prepare(this.#db, 'ROLLBACK');
    this.session = new Session(this.#db);
    this.#guard = new FileGuard(options.file, options.durability);
    if (options.durability === 'normal') this.#setFsync(false);
    this.waiting = new Waiting(options.file, this.session, () => this.#notifyOfForeignCommit());
  }

  /** True for the first to ask: a loss is reported once a process, not by each queue. */
  claimLossReport(): boolean {
    const first = !this.#lossReported;
    this.#lossReported = true;
    return first;
  }

  /** Runs an operation in the next batch; its promise settles when the batch is on disk. */
  run<T>(kind: OperationKind, run: (session: Session) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closing) return reject(closedError());
      const deadline = monotonicMs() + this.options.busyTimeoutMs;
      const operation = { kind, run, resolve, reject, deadline };
      if (this.#broken !== undefined) return this.#reject(operation, this.#broken);
      this.#pending.push(operation);
      this.#schedule();
    });
  }

  /**
   * Runs a long operation as one transaction that is cut into slices, so that the event loop goes on meanwhile.
   * Other operations of this process wait until it is done.
   */
  async runSliced<T>(steps: (session: Session) => Steps<T>): Promise<T> {
    if (this.#closing) throw closedError();
    while (this.#exclusive !== undefined) await this.#exclusive.catch(() => undefined);
    const task = this.#slices(steps);
    this.#exclusive = task;
    try {
      return await task;
    } finally {
      this.#exclusive = undefined;
      this.#schedule();
    }
  }

  /** Stops taking operations, lets those under way finish, and closes the file. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.waiting.close();
    // As each ends, the next of those called before takes its place.
    while (this.#exclusive !== undefined) await this.#exclusive.catch(() => undefined);
    this.#unpark();
    if (this.#pending.length > 0 || this.#alone.length > 0) {
      await new Promise<void>(resolve => {
        this.#drained = resolve;
        this.#schedule();
      });
    }
    timers.clearTimeout(this.#retryTimer);
    this.#guard.close();
    this.#db.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#exclusive !== undefined || this.#retryTimer !== undefined) return;
    if (this.#pending.length === 0 && this.#alone.length === 0) return;
    this.#scheduled = true;
    timers.setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#exclusive !== undefined) return;
    if (this.#alone.length > 0) {
      const operation = this.#alone.shift() as Operation;
      this.#batch([operation]);
    } else if (this.#pending.length > 0) {
      const operations = this.#pending;
      this.#pending = [];
      this.#batch(operations);
    }
    if (this.#pending.length > 0 || this.#alone.length > 0) this.#schedule();
    else if (this.#drained !== undefined && this.#retryTimer === undefined) this.#drained();
  }

  #batch(operations: Operation[]): void {
    if (this.#broken !== undefined) {
      for (const operation of operations) this.#reject(operation, this.#broken);
      return;
    }
    const writes = operations.some(operation => operation.kind.access === 'write');
    const outcomes: (() => void)[] = [];
    let done = 0;
    let foreign = false;
    let changed: readonly QueueState[] = [];
    try {
      const durable = operations.some(operation => operation.kind.durable === true);
      if (writes) {
        if (this.options.durability === 'full') this.#setFsync(durable);
        this.#begin.run();
      }
      foreign = this.session.refresh();
      done = this.#runAll(operations, outcomes);
      if (writes) changed = this.#commitBatch(durable);
    } catch (error) {
      this.#undo();
      this.#failed(operations, error);
      return;
    }
    if (done < operations.length) this.#pending = operations.slice(done).concat(this.#pending);
    for (const settle of outcomes) settle();
    if (this.#probe !== undefined && operations.includes(this.#probe)) this.#unpark();
    this.#tell(changed, foreign);
  }

  /** Runs operations until the budget is used up; returns how many it ran. */
  #runAll(operations: readonly Operation[], outcomes: (() => void)[]): number {
    const session = this.session;
    const end = monotonicMs() + BATCH_BUDGET_MS;
    session.claimsAhead = operations.reduce((n, operation) => (operation.kind.claims ? n + 1 : n), 0);
    let done = 0;
    for (const operation of operations) {
      if (operation.kind.access === 'write' && operation.kind.keepsJobs !== true) session.forgetJobs();
      try {
        const value = operation.run(session);
        outcomes.push(() => operation.resolve(value as never));
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        outcomes.push(() => operation.reject(thrown.error));
      }
      done += 1;
      if (done % 16 === 0 && monotonicMs() > end) break;
    }
    return done;
  }

  /** Commits; returns the queues that changed. After the commit nothing may throw: the batch would be run again. */
  #commitBatch(durable: boolean): readonly QueueState[] {
    const changed = this.session.flush();
    const commits = this.session.countCommit();
    this.#guard.beforeCommit();
    this.#commit.run();
    const trouble = durable ? this.#guard.acknowledged(commits) : undefined;
    if (trouble !== undefined) this.emit('unavailable', trouble);
    return changed;
  }

  /** Tells those who wait. If the batch was the first to see another process's commit, anything may have changed. */
  #tell(changed: readonly QueueState[], foreign: boolean): void {
    try {
      if (foreign) this.waiting.notifyAll();
      else this.waiting.notify(changed);
    } catch (error) {
      this.emit('unavailable', translate(error, this.options.file));
    }
  }

  #undo(): void {
    this.session.forget();
    if (this.#db.isTransaction) this.#rollback.run();
  }

  /** Decides what becomes of operations whose transaction was undone. */
  #failed(operations: Operation[], error: unknown): void {
    if (isCorruption(error) || this.#guard.isLost(error)) {
      this.#break(operations, error);
      return;
    }
    if (isBusy(error)) {
      this.#retryBusy(operations, error);
      return;
    }
    if (operations.length > 1) {
      this.#alone.push(...operations);
      return;
    }
    const operation = operations[0] as Operation;
    const failure = translate(error, this.options.file);
    if (operation.kind.report === true && isMediumFault(error)) {
      // The job has run: its result waits for the disk rather than being lost. While closing, BullMQ reports no more.
      if (this.#closing) {
        operation.reject(new SqliteUnavailableError(failure));
        return;
      }
      this.emit('unavailable', failure);
      this.#parked.push(operation);
      this.#probeTimer ??= timers.setTimeout(() => {
        this.#probe = this.#parked[0];
        this.#unpark(1);
      }, REPORT_RETRY_MS);
      return;
    }
    this.#reject(operation, failure);
    if (operation === this.#probe) this.#unpark();
  }

  /** Another process holds the lock: those whose time is up fail, the others are tried again shortly. */
  #retryBusy(operations: Operation[], error: unknown): void {
    const now = monotonicMs();
    const again: Operation[] = [];
    for (const operation of operations) {
      if (operation.kind.report !== true && now > operation.deadline) {
        this.#reject(operation, translate(error, this.options.file));
      } else again.push(operation);
    }
    this.#pending = again.concat(this.#pending);
    if (again.length > 0) this.#later(1);
  }

  /** A failed claim is answered after a pause: BullMQ's worker claims again at once, and would do nothing else. */
  #reject(operation: Operation, error: Error): void {
    const { claims, report } = operation.kind;
    if (claims !== true || report === true || this.#closing) operation.reject(error);
    else timers.setTimeout(() => operation.reject(error), CLAIM_RETRY_MS);
  }

  #unpark(reports = this.#parked.length): void {
    timers.clearTimeout(this.#probeTimer);
    this.#probeTimer = undefined;
    this.#alone.push(...this.#parked.splice(0, reports));
    this.#schedule();
  }

  #later(ms: number): void {
    this.#retryTimer ??= timers.setTimeout(() => {
      this.#retryTimer = undefined;
      this.#schedule();
    }, ms);
  }

  /** The file can't be trusted any more: nothing is read from it or written to it again. */
  #break(operations: readonly Operation[], error: unknown): void {
    const lost = this.#guard.isLost(error);
    const failure = lost
      ? (error as Error)
      : quarantine(this.options.file, 'damaged', translate(error, this.options.file).message);
    this.#broken = failure;
    this.waiting.close();
    const waiting = [...operations, ...this.#alone, ...this.#parked, ...this.#pending];
    this.#alone = [];
    this.#parked = [];
    this.#pending = [];
    for (const operation of waiting) this.#reject(operation, failure);
    this.emit('broken', failure);
  }

  async #slices<T>(steps: (session: Session) => Steps<T>): Promise<T> {
    const deadline = monotonicMs() + this.options.busyTimeoutMs;
    const nextTurn = () => new Promise<void>(resolve => timers.setImmediate(resolve));
    for (;;) {
      await nextTurn();
      if (this.#broken !== undefined) throw this.#broken;
      try {
        if (this.options.durability === 'full') this.#setFsync(true);
        this.#begin.run();
        break;
      } catch (error) {
        if (!isBusy(error) || monotonicMs() > deadline) throw translate(error, this.options.file);
      }
    }
    try {
      const foreign = this.session.refresh();
      this.session.forgetJobs();
      const generator = steps(this.session);
      let end = monotonicMs() + BATCH_BUDGET_MS;
      let step = generator.next();
      while (!step.done) {
        if (monotonicMs() > end) {
          await nextTurn();
          end = monotonicMs() + BATCH_BUDGET_MS;
        }
        step = generator.next();
      }
      this.#tell(this.#commitBatch(true), foreign);
      return step.value;
    } catch (error) {
      this.#undo();
      if (error instanceof Refusal) throw error.error;
      throw translate(error, this.options.file);
    }
  }

  #setFsync(on: boolean): void {
    if (on === this.#fsync) return;
    this.#db.exec(`PRAGMA synchronous = ${on ? 'FULL' : 'NORMAL'}`);
    this.#fsync = on;
  }

  /** Another process has committed: everything remembered is void, and whoever waits looks again. */
  #notifyOfForeignCommit(): void {
    if (this.#closing || this.#broken !== undefined || this.#db.isTransaction) return;
    try {
      if (this.session.refresh()) this.waiting.notifyAll();
    } catch (error) {
      if (!isBusy(error)) this.emit('unavailable', translate(error, this.options.file));
    }
  }
}
