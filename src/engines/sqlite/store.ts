import { EventEmitter } from 'node:events';
import type { DatabaseSync } from 'node:sqlite';
import { Refusal } from './codes.ts';
import { Commits, NOTHING, type Written } from './commits.ts';
import { closedError, isBusy, isCorruption, isMediumFault, translate } from './failure.ts';
import type { DiskCalls } from './log-file.ts';
import { openFile } from './open.ts';
import { isDurable, isLate, type Operation, type OperationKind, refuse } from './operation.ts';
import type { ResolvedOptions } from './options.ts';
import { Parking } from './parking.ts';
import { quarantine } from './quarantine.ts';
import type { QueueState } from './queue-state.ts';
import { Session } from './session.ts';
import { IdTakenError } from './sql/held-jobs.ts';
import { monotonicMs, timers } from './time.ts';
import { Transaction } from './transaction.ts';
import { Waiting } from './waiting.ts';

/** A long atomic operation: each step is a slice of one transaction that stays open over several turns. */
export type Steps<T> = Generator<void, T, void>;

/** No transaction of ours holds the event loop longer than about this, in milliseconds. */
const BATCH_BUDGET_MS = 6;

/**
 * One open file, shared by all backends of the process that name it. Collects the operations called in one turn of
 * the event loop and runs them in one transaction with one fsync (group commit). If one of them fails unexpectedly the
 * transaction is undone and each is run again in its own, so that a failing operation never takes its neighbours along.
 *
 * An fsync that takes long, or that others need not wait for, is made on another thread, one at a time. Until it has
 * returned, what is called gathers for the next transaction; only where nothing of it needs an fsync does it go on.
 */
export class Store extends EventEmitter {
  readonly options: ResolvedOptions;
  readonly session: Session;
  readonly waiting: Waiting;
  readonly #db: DatabaseSync;
  readonly #transaction: Transaction;
  readonly #commits: Commits;
  #pending: Operation[] = [];
  /** Operations to be run one by one, because together they failed. */
  #alone: Operation[] = [];
  #scheduled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #parking = new Parking(() => this.#unpark());
  #unavailable = false;
  #exclusive: Promise<unknown> | undefined;
  #broken: Error | undefined;
  #closing = false;
  /** When (monotonic) a closing store gives up on reports another process's lock keeps from the file. */
  #closeBy = Number.POSITIVE_INFINITY;
  #drained: (() => void) | undefined;
  readonly #warnings: Error[];

  /** @param calls how the file is brought to the disk; the system's by default. */
  constructor(options: ResolvedOptions, calls?: DiskCalls) {
    super();
    this.setMaxListeners(0);
    this.options = options;
    const opened = openFile(options.file, options.busyTimeoutMs);
    this.#db = opened.db;
    this.#warnings = opened.warnings;
    this.#transaction = new Transaction(this.#db);
    this.session = new Session(this.#db);
    const warn = (trouble: Error) => this.emit('unavailable', trouble);
    try {
      this.#commits = new Commits(options, this.#db, this.session, this.#transaction, warn, calls);
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.waiting = new Waiting(options.file, this.session, () => this.#notifyOfForeignCommit());
  }

  /** What was found when the file was opened; for the first who asks, so that it is told once a process. */
  takeWarnings(): Error[] {
    return this.#warnings.splice(0);
  }

  /** Runs an operation in the next batch; its promise settles when the batch is on disk. */
  run<T>(kind: OperationKind, run: (session: Session) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closing) return reject(closedError());
      const operation: Operation = { kind, run, resolve, reject };
      const broken = this.#whyBroken();
      if (broken !== undefined) return refuse(operation, broken);
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
    this.#closeBy = monotonicMs() + this.options.busyTimeoutMs;
    this.waiting.close();
    // As each ends, the next of those called before takes its place.
    while (this.#exclusive !== undefined) await this.#exclusive.catch(() => undefined);
    this.#unpark();
    if (this.#pending.length > 0 || this.#alone.length > 0 || this.#commits.underWay) {
      await new Promise<void>(resolve => {
        this.#drained = resolve;
        this.#schedule();
      });
    }
    timers.clearTimeout(this.#retryTimer);
    await this.#commits.close();
    this.#db.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#exclusive !== undefined || this.#retryTimer !== undefined) return;
    if (!this.#hasWork()) return;
    this.#scheduled = true;
    timers.setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** Whether anything can be run now. What is called in one turn stays together, whatever it is. */
  #hasWork(): boolean {
    if (this.#commits.underWay === undefined) return this.#alone.length > 0 || this.#pending.length > 0;
    return this.#alone.length === 0 && this.#pending.length > 0 && !this.#pending.some(isDurable);
  }

  #turn(): void {
    if (this.#exclusive !== undefined) return;
    if (this.#hasWork()) {
      const alone = this.#alone.shift();
      if (alone !== undefined) {
        this.session.jobs.held.enabled = false;
        this.#batch([alone]);
        this.session.jobs.held.enabled = true;
      } else this.#batch(this.#pending.splice(0));
    }
    if (this.#hasWork()) this.#schedule();
    else this.#endIfDrained();
  }

  #batch(operations: Operation[]): void {
    const writes = operations.some(operation => operation.kind.access === 'write');
    const outcomes: (() => void)[] = [];
    let done = 0;
    let foreign = false;
    let written: Written = NOTHING;
    try {
      if (writes) this.#transaction.begin();
      else this.#transaction.look();
      foreign = this.#refresh();
      done = this.#runAll(operations, outcomes);
      if (writes) written = this.#commits.commit();
      else this.#transaction.looked();
    } catch (error) {
      this.#undo();
      this.#failed(operations, error);
      return;
    }
    // What the budget left over is cut off: from here on `operations` are those that ran.
    if (done < operations.length) this.#pending = operations.splice(done).concat(this.#pending);
    if (writes) this.#unavailable = false;
    // Who waited for this may go on at once: what comes of it is in the log behind it.
    const woken = this.#tell(written.changed, foreign);
    const answer = (failure: Error | undefined) => {
      if (failure !== undefined) this.#break(operations, failure);
      else for (const settle of outcomes) settle();
      this.#schedule();
      this.#endIfDrained();
    };
    if (operations.some(isDurable)) {
      this.#commits.bringToDisk(written, !woken, answer);
    } else answer(writes ? this.#commits.guard.whyLost() : undefined);
    if (writes && this.#broken === undefined) this.#commits.tidy(written);
  }

  /** As the session's, and notes that what it reads may not be on the disk. */
  #refresh(): boolean {
    const foreign = this.session.refresh();
    if (foreign) this.#commits.sawForeign();
    return foreign;
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
      if (monotonicMs() > end) break;
    }
    return done;
  }

  /**
   * Tells those who wait; whether one got what it waited for. If the batch was the first to see another process's
   * commit, anything may have changed.
   */
  #tell(changed: readonly QueueState[], foreign: boolean): boolean {
    const { woken, trouble } = foreign ? this.waiting.notifyAll() : this.waiting.notify(changed);
    if (trouble !== undefined) this.emit('unavailable', translate(trouble, this.options.file));
    return woken > 0;
  }

  #undo(): void {
    this.session.forget();
    this.#transaction.undo();
  }

  /** Decides what becomes of operations whose transaction was undone. */
  #failed(operations: Operation[], error: unknown): void {
    if (isCorruption(error) || this.#commits.guard.isLost(error)) {
      const why = translate(error, this.options.file);
      const failure = isCorruption(error) ? quarantine(this.options.file, 'damaged', why.message) : why;
      this.#break(operations, failure);
      return;
    }
    if (isBusy(error)) {
      this.#retryBusy(operations, error);
      return;
    }
    if (operations.length > 1 || error instanceof IdTakenError) {
      this.#alone.push(...operations);
      return;
    }
    const operation = operations[0] as Operation;
    const failure = translate(error, this.options.file);
    if (isMediumFault(error)) {
      if (!this.#unavailable) this.emit('unavailable', failure);
      this.#unavailable = true;
      if (this.#park(operation)) return;
    }
    refuse(operation, failure);
  }

  /** Keeps what a worker reports, and for a while what it asks for, until the disk takes writes again; tells whether it did. */
  #park(operation: Operation): boolean {
    if (!this.#isPatient(operation)) return false;
    // One is enough to find out whether the disk takes writes again: the others wait with it, and the next time
    // another is the first, because this one may be too large for what is left.
    this.#parking.add([...this.#alone.filter(other => this.#isPatient(other)), operation]);
    this.#alone = this.#alone.filter(other => !this.#isPatient(other));
    return true;
  }

  #isPatient(operation: Operation): boolean {
    const { report, claims } = operation.kind;
    return !this.#closing && (report === true || (claims === true && !isLate(operation, this.options)));
  }

  /** Another process holds the lock: those whose time is up fail, the others are tried again shortly. */
  #retryBusy(operations: Operation[], error: unknown): void {
    const again: Operation[] = [];
    const reads: Operation[] = [];
    const onlyReads = operations.every(({ kind }) => kind.access === 'read');
    for (const operation of operations) {
      if (operation.kind.access === 'read' && !onlyReads) reads.push(operation);
      else if (operation.kind.report ? monotonicMs() > this.#closeBy : isLate(operation, this.options)) {
        refuse(operation, translate(error, this.options.file));
      } else again.push(operation);
    }
    this.#pending = again.concat(this.#pending);
    if (again.length > 0) this.#later(1);
    // Who only looks need not wait for the lock (unless it is the look that found the file busy).
    if (reads.length > 0) this.#batch(reads);
  }

  #unpark(): void {
    this.#alone.push(...this.#parking.takeAll());
    this.#schedule();
  }

  #endIfDrained(): void {
    const busy = this.#pending.length > 0 || this.#alone.length > 0 || this.#commits.underWay !== undefined;
    if (!busy && this.#retryTimer === undefined) this.#drained?.();
  }

  #later(ms: number): void {
    this.#retryTimer ??= timers.setTimeout(() => {
      this.#retryTimer = undefined;
      // Also when nothing is left: `close` may be waiting for that.
      this.#turn();
    }, ms);
  }

  /** The file can't be relied on any more: nothing is read from it or written to it, unless it was only moved and comes back. */
  #break(operations: readonly Operation[], failure: Error): void {
    const already = this.#broken !== undefined && !this.#commits.guard.isLost(this.#broken);
    if (!already) this.#broken = failure;
    if (!this.#commits.guard.isLost(failure)) this.waiting.close();
    const waiting = [...operations, ...this.#alone, ...this.#parking.takeAll(), ...this.#pending];
    this.#alone = [];
    this.#pending = [];
    for (const operation of waiting) refuse(operation, failure);
    if (!already) this.emit('broken', failure);
  }

  /** Why nothing may be done with the file. Files that were only moved, and are back, are used again. */
  #whyBroken(): Error | undefined {
    if (
      this.#broken === undefined ||
      !this.#commits.guard.isLost(this.#broken) ||
      !this.#commits.guard.isBack()
    ) {
      return this.#broken;
    }
    this.#broken = undefined;
    this.#tell([], true);
    return undefined;
  }

  async #slices<T>(steps: (session: Session) => Steps<T>): Promise<T> {
    await this.#commits.underWay;
    const deadline = monotonicMs() + this.options.busyTimeoutMs;
    const nextTurn = () => new Promise<void>(resolve => timers.setImmediate(resolve));
    const moment = () => new Promise<void>(resolve => timers.setTimeout(resolve, 1));
    for (let wait = nextTurn; ; wait = moment) {
      await wait();
      const broken = this.#whyBroken();
      if (broken !== undefined) throw broken;
      try {
        this.#transaction.begin();
        break;
      } catch (error) {
        if (!isBusy(error) || monotonicMs() > deadline) throw translate(error, this.options.file);
      }
    }
    try {
      const foreign = this.#refresh();
      this.session.forgetJobs();
      this.session.jobs.held.enabled = false;
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
      const written = this.#commits.commit();
      this.#tell(written.changed, foreign);
      this.#commits.tidy(written);
      const failure = await new Promise<Error | undefined>(done => {
        this.#commits.bringToDisk(written, false, done);
      });
      if (failure !== undefined) {
        this.#break([], failure);
        throw failure;
      }
      return step.value;
    } catch (error) {
      this.#undo();
      if (error instanceof Refusal) throw error.error;
      throw translate(error, this.options.file);
    } finally {
      this.session.jobs.held.enabled = true;
    }
  }

  /** Another process has committed: everything remembered is void, and whoever waits looks again. */
  #notifyOfForeignCommit(): void {
    if (this.#closing || this.#whyBroken() !== undefined || this.#db.isTransaction) return;
    try {
      if (this.#refresh()) this.#tell([], true);
    } catch (error) {
      if (!isBusy(error)) this.emit('unavailable', translate(error, this.options.file));
    }
  }
}
