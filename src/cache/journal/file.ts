import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import type { Change } from './changes.ts';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS change (
  -- Grows with every change, so that others can ask for what is new.
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  redis TEXT NOT NULL,
  -- As bytes: Node 22 reads a text only up to a NUL, and a key may hold one.
  name BLOB NOT NULL,
  base BLOB NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('put', 'delete', 'tag')),
  version INTEGER NOT NULL,
  frame BLOB CHECK ((frame IS NOT NULL) = (kind = 'put')),
  ms INTEGER NOT NULL,
  reloadable INTEGER NOT NULL,
  writer TEXT NOT NULL,
  UNIQUE (redis, name)
) STRICT;
`;

/** How long the event loop may stand still for another process's transaction, which are all short. */
const BUSY_MS = 20;

/** A change of another process, as far as its namesakes in memory are concerned. */
export interface Foreign {
  name: string;
  version: number;
}

/**
 * The journal on disk, shared by the processes of a machine. It survives their end; not a power loss: `synchronous` is
 * NORMAL. Every method throws what SQLite does.
 */
export class JournalFile {
  readonly #redis: string;
  readonly #writer: string;
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #dropAll: StatementSync;
  readonly #find: StatementSync;
  readonly #all: StatementSync;
  readonly #since: StatementSync;
  readonly #dataVersion: StatementSync;
  #seen: unknown;
  #seq = 0;

  /** `redis`: which one the changes are for. `writer`: who this process is. Makes the file if need be. */
  constructor(path: string, redis: string, writer: string) {
    this.#redis = redis;
    this.#writer = writer;
    // Only its owner may read it: it holds values. SQLite gives its other files the same mode.
    closeSync(openSync(path, 'a', 0o600));
    const db = new DatabaseSync(path);
    this.#db = db;
    try {
      db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;`);
      db.exec(SCHEMA);
      this.#put = db.prepare(`
        INSERT OR REPLACE INTO change (redis, name, base, kind, version, frame, ms, reloadable, writer)
        SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?
        WHERE NOT EXISTS (SELECT 1 FROM change WHERE redis = ? AND name = ? AND version >= ?)`);
      this.#drop = db.prepare('DELETE FROM change WHERE redis = ? AND name = ? AND version <= ?');
      this.#dropAll = db.prepare('DELETE FROM change WHERE redis = ? AND base = ? AND version <= ?');
      const columns = 'name, base, kind, version, frame, ms, reloadable';
      this.#find = db.prepare(`SELECT ${columns} FROM change WHERE redis = ? AND name = ?`);
      this.#all = db.prepare(`SELECT ${columns} FROM change WHERE redis = ? ORDER BY seq`);
      this.#since = db.prepare(
        'SELECT seq, name, version, writer FROM change WHERE redis = ? AND seq > ? ORDER BY seq',
      );
      this.#dataVersion = db.prepare('PRAGMA data_version');
    } catch (error) {
      db.close();
      throw error;
    }
  }

  static exists(path: string): boolean {
    return existsSync(path);
  }

  /** Newest wins: a change that is not newer than what is there is left out. */
  record(changes: Iterable<Change>): void {
    this.#transaction(() => {
      for (const change of changes) {
        const put = change.kind === 'put' ? change : undefined;
        const { name, base, kind, version } = change;
        const reloadable = put?.reloadable === false ? 0 : 1;
        const about = [bytes(base), kind, version, put?.frame ?? null, put?.ms ?? 0, reloadable] as const;
        const id = [this.#redis, bytes(name)] as const;
        this.#put.run(...id, ...about, this.#writer, ...id, version);
      }
    });
  }

  /** Redis has them now, or something newer. */
  done(changes: Iterable<Pick<Change, 'name' | 'version'>>): void {
    this.#transaction(() => {
      for (const { name, version } of changes) this.#drop.run(this.#redis, bytes(name), version);
    });
  }

  /** In place of all changes of a namespace, this one of its tag. */
  collapse(change: Change & { kind: 'tag' }): void {
    this.#transaction(() => this.#dropAll.run(this.#redis, bytes(change.base), change.version));
    this.record([change]);
  }

  find(name: string): Change | undefined {
    const row = this.#find.get(this.#redis, bytes(name));
    return row && changeOf(row);
  }

  all(): Change[] {
    return this.#all.all(this.#redis).map(changeOf);
  }

  /** What others recorded since the last call. Costs next to nothing when there is nothing. */
  news(): Foreign[] {
    const version = this.#dataVersion.get()?.data_version;
    if (version === this.#seen) return [];
    this.#seen = version;
    const rows = this.#since.all(this.#redis, this.#seq);
    this.#seq = Number(rows.at(-1)?.seq ?? this.#seq);
    return rows
      .filter(row => row.writer !== this.#writer)
      .map(row => ({ name: text(row.name), version: Number(row.version) }));
  }

  close(): void {
    this.#db.close();
  }

  #transaction(work: () => unknown): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}

function bytes(name: string): Buffer {
  return Buffer.from(name);
}

function text(blob: SQLOutputValue | undefined): string {
  return Buffer.from(blob as Uint8Array).toString();
}

function changeOf(row: Record<string, SQLOutputValue>): Change {
  const about = { name: text(row.name), base: text(row.base), version: Number(row.version) };
  if (row.kind !== 'put') return { ...about, kind: row.kind as 'delete' | 'tag' };
  const frame = Buffer.from(row.frame as Uint8Array);
  return { ...about, kind: 'put', frame, ms: Number(row.ms), reloadable: row.reloadable === 1 };
}
