import type { Prepared, Row } from '../../sqlite/index.ts';
import type { Tally } from './tally.ts';
import type { JobRef, Prepare } from './types.ts';

/*
 * Copies of jobs that are on the primary, so that it is never the only place that knows them. Written at each add and
 * removed at each end, hence in the order of adding (the row number): new rows go to the end of the table, and as ids
 * are ordered by time nearly always to the end of the index too.
 */
export const journalSchema = `
CREATE TABLE IF NOT EXISTS failover_journal (
  row INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  job TEXT NOT NULL,
  json TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS failover_journal_job ON failover_journal (queue, job);
`;

/** A copy of a job; the text is the caller's. */
export interface JournalEntry extends JobRef {
  json: string;
}

export interface JournalRow extends JournalEntry {
  row: number;
}

export class Journal {
  readonly #tally: Tally;
  readonly #insert: Prepared;
  readonly #replace: Prepared;
  readonly #drop: Prepared;
  readonly #page: Prepared;
  readonly #has: Prepared;
  readonly #last: Prepared;

  constructor(prepare: Prepare, tally: Tally) {
    this.#tally = tally;
    this.#insert = prepare(
      'INSERT INTO failover_journal (queue, job, json) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#replace = prepare('UPDATE failover_journal SET json = ? WHERE queue = ? AND job = ?');
    this.#drop = prepare('DELETE FROM failover_journal WHERE queue = ? AND job = ?');
    this.#page = prepare(
      'SELECT row, queue, job, json FROM failover_journal WHERE row > ? ORDER BY row LIMIT ?',
    );
    this.#last = prepare('SELECT COALESCE(MAX(row), 0) FROM failover_journal');
    this.#has = prepare('SELECT 1 FROM failover_journal WHERE queue = ? AND job = ?');
  }

  add(entries: readonly JournalEntry[]): number {
    const added = entries.reduce((n, { queue, job, json }) => n + this.#insert.run(queue, job, json), 0);
    return this.#tally.book('journal', added);
  }

  replace({ queue, job, json }: JournalEntry): boolean {
    return this.#replace.run(json, queue, job) === 1;
  }

  drop(queue: string, jobs: readonly string[]): number {
    return this.#tally.book('journal', -jobs.reduce((n, job) => n + this.#drop.run(queue, job), 0));
  }

  page(afterRow: number, limit: number): JournalRow[] {
    return this.#page.all(afterRow, limit).map(readEntry);
  }

  /** The newest row; 0 when there is none. */
  last(): number {
    return Number(this.#last.get()?.[0]);
  }

  has(queue: string, job: string): boolean {
    return this.#has.get(queue, job) !== undefined;
  }
}

function readEntry([row, queue, job, json]: Row): JournalRow {
  return { row: Number(row), queue: String(queue), job: String(job), json: String(json) };
}
