import type { DatabaseSync } from 'node:sqlite';
import { type Prepared, prepare } from './sql/prepare.ts';

/** The statements around a batch, on one connection. */
export class Transaction {
  readonly #db: DatabaseSync;
  readonly #begin: Prepared;
  readonly #commit: Prepared;
  readonly #rollback: Prepared;
  readonly #look: Prepared;
  readonly #release: Prepared;
  readonly #totalChanges: Prepared;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#begin = prepare(db, 'BEGIN IMMEDIATE');
    this.#commit = prepare(db, 'COMMIT');
    this.#rollback = prepare(db, 'ROLLBACK');
    this.#look = prepare(db, 'SAVEPOINT look');
    this.#release = prepare(db, 'RELEASE look');
    this.#totalChanges = prepare(db, 'SELECT total_changes()');
  }

  begin(): void {
    this.#begin.run();
  }

  /** Writes the log; it is not on the disk yet (see log-file.ts). */
  commit(): void {
    this.#commit.run();
  }

  /** Who only looks sees one moment, whatever other processes write meanwhile. */
  look(): void {
    this.#look.run();
  }

  looked(): void {
    this.#release.run();
  }

  undo(): void {
    if (this.#db.isTransaction) this.#rollback.run();
  }

  /** Rows this connection has changed since it was opened. */
  changes(): number {
    return Number(this.#totalChanges.get()?.[0]);
  }
}
