import type { DatabaseSync } from 'node:sqlite';
import { Checkpointer } from './checkpointer.ts';
import { notOnDisk } from './failure.ts';
import { FileGuard } from './file-guard.ts';
import { type DiskCalls, LogFile } from './log-file.ts';
import type { ResolvedOptions } from './options.ts';
import type { QueueState } from './queue-state.ts';
import type { Session } from './session.ts';
import type { Transaction } from './transaction.ts';

/** What a commit wrote. */
export interface Written {
  changed: readonly QueueState[];
  rows: number;
  /** How many commits the file has seen with it; undefined when it wrote nothing. */
  commits: number | undefined;
}

export const NOTHING: Written = { changed: [], rows: 0, commits: undefined };

/**
 * How transactions end: counted, with the file watched over, brought to the disk before they are acknowledged, and their
 * log moved into the database now and then.
 */
export class Commits {
  readonly guard: FileGuard;
  readonly #file: string;
  readonly #session: Session;
  readonly #transaction: Transaction;
  readonly #checkpointer: Checkpointer;
  readonly #log: LogFile | undefined;
  readonly #fsyncs: boolean;
  readonly #warn: (trouble: Error) => void;
  /** Rows this connection has changed so far, up to the last commit. */
  #knownChanges = -1;
  /** The log may hold what no fsync has covered: ours, or another process's. */
  #unsynced = false;
  #underWay: Promise<void> | undefined;

  /** @param warn told of what does not keep the jobs from being stored. */
  constructor(
    { file, durability }: ResolvedOptions,
    db: DatabaseSync,
    session: Session,
    transaction: Transaction,
    warn: (trouble: Error) => void,
    calls?: DiskCalls,
  ) {
    this.#file = file;
    this.#session = session;
    this.#transaction = transaction;
    this.#checkpointer = new Checkpointer(file, db);
    this.#log = file === ':memory:' ? undefined : new LogFile(file, calls);
    this.#fsyncs = durability === 'full';
    try {
      this.guard = new FileGuard(file, this.#log, durability);
    } catch (error) {
      this.#log?.close();
      throw error;
    }
    this.#warn = warn;
  }

  /** Resolves when what is on its way to the disk has come there, or failed to; undefined when nothing is. One at a time. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  /** What is read from now on may come from a commit of another process that is not on the disk yet. */
  sawForeign(): void {
    this.#unsynced = true;
  }

  /** Commits; whatever it throws, nothing was. It is not on the disk yet. */
  commit(): Written {
    const changed = this.#session.flush();
    const changes = this.#transaction.changes();
    const rows = changes - Math.max(0, this.#knownChanges);
    if (changes === this.#knownChanges) {
      // An idle worker that asked and got nothing has written nothing.
      this.#transaction.commit();
      return { changed, rows, commits: undefined };
    }
    const commits = this.#session.countCommit();
    this.#knownChanges = changes + 1;
    this.guard.beforeCommit();
    this.#transaction.commit();
    this.#unsynced = true;
    return { changed, rows, commits };
  }

  /**
   * Brings all that was committed to the disk, if the durability asks for that: what was just written, and what others
   * wrote that it builds on. Not while something is under way.
   * @param patient nobody is known to need the event loop meanwhile: a short fsync may be made at once.
   * @param done told, now or later, why it can't be relied on, if so.
   */
  bringToDisk({ commits }: Written, patient: boolean, done: (failure: Error | undefined) => void): void {
    const answer = (error: Error | null) => done(this.#whyNotStored(commits, error));
    const log = this.#fsyncs && this.#unsynced ? this.#log : undefined;
    // What is committed from now on is not covered.
    this.#unsynced = false;
    if (log === undefined) answer(null);
    else if (patient && log.isQuick) answer(log.sync());
    else this.#underWay = this.#aside(log, answer);
  }

  #aside(log: LogFile, answer: (error: Error | null) => void): Promise<void> {
    return new Promise(resolve => {
      log.syncAside(error => {
        this.#underWay = undefined;
        try {
          answer(error);
        } finally {
          resolve();
        }
      });
    });
  }

  #whyNotStored(commits: number | undefined, error: Error | null): Error | undefined {
    if (error !== null) return notOnDisk(error, this.#file);
    const lost = this.guard.whyLost();
    if (lost !== undefined || commits === undefined) return lost;
    const trouble = this.guard.acknowledged(commits);
    if (trouble !== undefined) this.#warn(trouble);
    return undefined;
  }

  /** Moves the log into the database, when it is time. Runs outside any transaction. */
  tidy({ rows }: Written): void {
    this.#checkpointer.committed(rows);
  }

  async close(): Promise<void> {
    await this.#checkpointer.close();
    this.guard.close();
    this.#log?.close();
  }
}
