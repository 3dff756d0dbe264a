import type { Prepared } from '../../sqlite/index.ts';
import type { Prepare } from './types.ts';

/*
 * How many rows the growing tables hold. SQLite counts rows by walking them, which a journal of a million jobs would
 * make felt at each look; so each change books what it did in the same transaction.
 */
export const tallySchema = `
CREATE TABLE IF NOT EXISTS failover_count (
  name TEXT PRIMARY KEY CHECK (name IN ('deferred', 'unknown', 'moving', 'journal')),
  n INTEGER NOT NULL CHECK (n >= 0)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO failover_count (name, n) VALUES ('deferred', 0), ('unknown', 0), ('moving', 0), ('journal', 0);
`;

/** How much the ledger holds: rows, of `moving` jobs. */
export interface LedgerCounts {
  deferred: number;
  unknown: number;
  moving: number;
  journal: number;
}

export class Tally {
  readonly #bump: Prepared;
  readonly #all: Prepared;

  constructor(prepare: Prepare) {
    this.#bump = prepare('UPDATE failover_count SET n = n + ? WHERE name = ?');
    this.#all = prepare('SELECT name, n FROM failover_count');
  }

  /** Books rows that came (positive) or went; returns how many that were. */
  book(name: keyof LedgerCounts, rows: number): number {
    if (rows !== 0) this.#bump.run(rows, name);
    return Math.abs(rows);
  }

  read(): LedgerCounts {
    return Object.fromEntries(this.#all.all()) as unknown as LedgerCounts;
  }
}
