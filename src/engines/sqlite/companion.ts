import { closedError } from './failure.ts';
import type { OperationKind } from './operation.ts';
import { resolveOptions, type SqliteConnectionOptions } from './options.ts';
import { acquireStore } from './registry.ts';
import type { Prepared } from './sql/prepare.ts';
import { type StandbyJobs, type StandbyView, standbyJobs } from './standby/jobs.ts';
import type { Steps } from './store.ts';

/**
 * Tables of another room in a queue file, so that one transaction and one fsync cover both them and the jobs.
 *
 * @internal Not for users: the tables of a queue file are no public interface.
 */
export interface Companion<S> {
  /** Run at each opening, in a transaction: `CREATE TABLE IF NOT EXISTS …`. */
  schema: string;
  /** Prepares the statements; `prepare` takes plain `?` parameters and answers rows as arrays. */
  statements(prepare: (sql: string) => Prepared): S;
}

/** @internal */
export interface ChangeKind {
  /** Whether it is fsynced (durability `full`) before its promise resolves. Default true. */
  durable?: boolean;
  /** It reports what a worker has done: a full or locked disk is waited for, not answered with an error. Default false. */
  report?: boolean;
}

/**
 * A share in the file. All calls of one turn of the event loop, and all operations of the process's queues and workers
 * on that file, go into one transaction, in the order they were called; one that throws is undone alone.
 *
 * @internal
 */
export interface CompanionHandle<S> {
  /** With `durable`, what it saw is on the disk when its promise resolves (durability `full`), whoever wrote it. Default false. */
  read<T>(look: (statements: S, jobs: StandbyView) => T, kind?: Pick<ChangeKind, 'durable'>): Promise<T>;
  /**
   * A look before this returns, past all that was called before it, with statements of its own: the companion's tables may
   * not be there yet. For what must be known before anything else is done. Throws what SQLite does, and SPILLWAY_CLOSED.
   */
  readNow<T>(look: (prepare: (sql: string) => Prepared) => T): T;
  /** Durable before its promise resolves. */
  write<T>(change: (statements: S, jobs: StandbyJobs) => T, kind?: ChangeKind): Promise<T>;
  /**
   * A long change as one transaction of its own, cut into slices at each `yield` so that the event loop goes on. It
   * may overtake calls of the same turn; all other operations of this process on the file wait until it is done.
   */
  writeSliced<T>(steps: (statements: S, jobs: StandbyJobs) => Steps<T>): Promise<T>;
  /** Calls back soon (within about 25 ms) after another process has committed anything to the file. Returns the function that ends it. */
  onForeignCommit(callback: () => void): () => void;
  /** Gives up the share. Calls under way settle still; calls after it fail with SPILLWAY_CLOSED. */
  release(): Promise<void>;
}

/** The file's own row: no queue is called so, hence only commits of other processes wake who waits for it. */
const NO_QUEUE = '';

/**
 * Joins the process's connection to the file (or opens it) and makes the companion's tables where they are missing.
 *
 * @internal
 * @throws SpillwayError whatever opening and writing a queue file finds; see docs/errors.md.
 */
export function openCompanion<S>(
  options: SqliteConnectionOptions,
  companion: Companion<S>,
): CompanionHandle<S> {
  const handle = acquireStore(resolveOptions(options));
  const { store } = handle;
  const jobs = standbyJobs(store.session);
  let statements: S | undefined;
  // The first of its operations, hence before all others; if it fails, so do they.
  const installed = store.run({ access: 'write' }, session => {
    statements = session.install(companion.schema, companion.statements);
  });
  installed.catch(() => undefined);
  const watches = new Set<() => void>();
  let released: Promise<void> | undefined;
  const run = <T>(kind: OperationKind, operation: (statements: S) => T): Promise<T> => {
    if (released !== undefined) return Promise.reject(closedError());
    const start = () => store.run(kind, () => operation(statements as S));
    return statements === undefined ? installed.then(start) : start();
  };
  return {
    read: (look, { durable = false } = {}) => run({ access: 'read', durable }, ready => look(ready, jobs)),
    readNow(look) {
      if (released !== undefined) throw closedError();
      return store.session.install('', look);
    },
    write: (change, { durable = true, report = false } = {}) =>
      run({ access: 'write', durable, report, keepsJobs: true }, ready => change(ready, jobs)),
    async writeSliced(steps) {
      await installed;
      if (released !== undefined) throw closedError();
      return store.runSliced(() => steps(statements as S, jobs));
    },
    onForeignCommit(callback) {
      const stop = store.waiting.add(NO_QUEUE, () => {
        callback();
        return false;
      });
      watches.add(stop);
      return () => {
        stop();
        watches.delete(stop);
      };
    },
    release() {
      for (const stop of watches) stop();
      // What waits for the tables comes first.
      released ??= installed.catch(() => undefined).then(() => handle.release());
      return released;
    },
  };
}
