import { DatabaseSync, type StatementSync } from 'node:sqlite';

/**
 * The keys of the work that has been done, shared by all workers: what a careful handler does to be safe from
 * running twice. Survives `kill -9`; whoever is told `true` does the work.
 */
export class DoneRecord {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { timeout: 10_000 });
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF');
    this.#database.exec('CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID');
    this.#insert = this.#database.prepare('INSERT INTO done (key) VALUES (?) ON CONFLICT DO NOTHING');
  }

  isFirst(key: string): boolean {
    return this.#insert.run(key).changes === 1;
  }

  close(): void {
    this.#database.close();
  }
}
