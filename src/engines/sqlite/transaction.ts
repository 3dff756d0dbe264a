import type { DatabaseSync } from 'node:sqlite';
import { type Prepared, prepare } from './sql/prepare.ts';

/** The statements around a batch, on one connection. */
export class Transaction {
  readonly #db: DatabaseSync;
  readonly #durability: 'full' | 'normal';
  readonly #begin: Prepared;
  readonly #commit: Prepared;
  readonly #rollback: Prepared;
  readonly #look: Prepared;
  readonly #release: Prepared;
  readonly #totalChanges: Prepared;
  #fsync = true;

  constructor(db: DatabaseSync, durability: 'full' | 'normal') {
    this.#db = db;
    this.#durability = durability;
    this.#begin = prepare(db, 'BEGIN IMMEDIATE');
    this.#commit = prepare(db, 'COMMIT');
    this.#rollback = prepare(db, 'ROLLBACK');
    this.#look = prepare(db, 'SAVEPOINT look');
    this.#release = prepare(db, 'RELEASE look');
    this.#totalChanges = prepare(db, 'SELECT total_changes()');
    if (durability === 'normal') this.#setFsync(false);
  }

  /** @param durable whether its commit is to be fsynced; with durability `normal` none is. */
  begin(durable: boolean): void {
    if (this.#durability === 'full') this.#setFsync(durable);
    this.#begin.run();
  }

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

  #setFsync(on: boolean): void {
    if (on === this.#fsync) return;
    this.#db.exec(`PRAGMA synchronous = ${on ? 'FULL' : 'NORMAL'}`);
    this.#fsync = on;
  }
}
