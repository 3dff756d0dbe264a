import type { DatabaseSync } from 'node:sqlite';
import { countedRow } from '../rows.ts';
import type { StateCode } from '../schema.ts';
import { encodeText } from './free-text.ts';
import { type Prepared, prepare, type Value } from './prepare.ts';

/** Rows of one statement, the largest first: what is held is written with as few as there are. */
const SIZES = [16, 4, 1] as const;
const COLUMNS = 10;
/** More than this are not held. */
const MOST = 256;

/**
 * A held job's id was taken by one that somebody named with a number. The batch is undone, and its operations are run
 * again one by one, with nothing held.
 */
export class IdTakenError extends Error {
  constructor() {
    super('A job held back has an id that is taken');
  }
}

/**
 * New jobs of the running batch that are not in the table yet. A row of a statement for sixteen costs two thirds of a
 * statement for one, and jobs are mostly added many at a time. Whatever else is done with the table comes after them:
 * each of its statements writes first what is held. Only jobs that the queue's counter names are held: whether another
 * id is taken must be known at once.
 */
export class HeldJobs {
  /** Off while operations run one by one. */
  enabled = true;
  readonly #inserts: readonly (readonly [size: number, insert: Prepared])[];
  /** The rows' values, one after the other. */
  #values: Value[] = [];

  constructor(db: DatabaseSync) {
    const row = `(${Array<string>(COLUMNS).fill('?').join(', ')})`;
    this.#inserts = SIZES.map(size => [
      size,
      prepare(
        db,
        `INSERT INTO job (row, queue, id, state, score, name, timestamp, priority, opts, data)
           VALUES ${Array<string>(size).fill(row).join(', ')} ON CONFLICT DO NOTHING`,
      ),
    ]);
  }

  get size(): number {
    return this.#values.length / COLUMNS;
  }

  /** Takes a job that has nothing but what is given here; false when it can't be held. */
  take(
    queue: number,
    id: string,
    state: StateCode,
    score: number,
    name: string,
    timestamp: number,
    priority: number,
    opts: string,
    data: string,
  ): boolean {
    if (!this.enabled) return false;
    const row = countedRow(queue, id);
    if (row === undefined) return false;
    if (this.size >= MOST) this.write();
    this.#values.push(row, queue, id, state, score, encodeText(name), timestamp, priority, opts, data);
    return true;
  }

  /** @throws IdTakenError */
  write(): void {
    const values = this.#values;
    if (values.length === 0) return;
    this.#values = [];
    let from = 0;
    for (const [size, insert] of this.#inserts) {
      const width = size * COLUMNS;
      for (; values.length - from >= width; from += width) {
        if (insert.run(...values.slice(from, from + width)) !== size) throw new IdTakenError();
      }
    }
  }

  forget(): void {
    if (this.#values.length > 0) this.#values = [];
  }
}
