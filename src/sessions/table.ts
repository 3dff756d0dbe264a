import type { Companion, Prepared, Row } from '../engines/sqlite/index.ts';
import { isNewer, maxAgeOf, type SessionRecord, slackOf } from './record.ts';

/*
 * The sessions of this machine. One that was destroyed keeps its row, without content, for as long as any copy of it may
 * live elsewhere: it is what keeps a late save, or a Redis that was away, from bringing it back.
 */
const schema = `
CREATE TABLE IF NOT EXISTS session (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  body TEXT CHECK (json_valid(body)), -- NULL: destroyed
  expires INTEGER NOT NULL,
  confirmed INTEGER NOT NULL CHECK (confirmed IN (0, 1)) -- Redis has it
) STRICT;
CREATE INDEX IF NOT EXISTS session_expires ON session (expires);
CREATE INDEX IF NOT EXISTS session_unconfirmed ON session (key) WHERE confirmed = 0;
CREATE TABLE IF NOT EXISTS session_file (id TEXT NOT NULL) STRICT;
INSERT INTO session_file SELECT hex(randomblob(16)) WHERE NOT EXISTS (SELECT 1 FROM session_file);
`;

export const sessionTable: Companion<SessionTable> = {
  schema,
  statements: prepare => new SessionTable(prepare),
};

/** A destroyed session: `body` is null. */
export interface SessionRow extends Omit<SessionRecord, 'body'> {
  key: string;
  body: string | null;
  confirmed: boolean;
}

export type LiveRow = SessionRow & SessionRecord;

export function isLive(row: SessionRow): row is LiveRow {
  return row.body !== null;
}

const SWEPT_AT_A_TIME = 500;

/** The rules of the file, each a step of a transaction. Times are of day: sessions outlive the process. */
export class SessionTable {
  readonly #file: Prepared;
  readonly #get: Prepared;
  readonly #put: Prepared;
  readonly #confirm: Prepared;
  readonly #unconfirm: Prepared;
  readonly #unconfirmAll: Prepared;
  readonly #unconfirmed: Prepared;
  readonly #counts: Prepared;
  readonly #deleteExpired: Prepared;
  readonly #deleteLive: Prepared;
  readonly #deleteAny: Prepared;

  constructor(prepare: (sql: string) => Prepared) {
    const columns = 'SELECT key, version, body, expires, confirmed FROM session';
    this.#file = prepare('SELECT id FROM session_file');
    this.#get = prepare(`${columns} WHERE key = ?`);
    this.#put = prepare(
      `INSERT INTO session (key, version, body, expires, confirmed) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body,
         expires = excluded.expires, confirmed = excluded.confirmed`,
    );
    this.#confirm = prepare('UPDATE session SET confirmed = 1 WHERE key = ? AND version = ? AND expires = ?');
    this.#unconfirm = prepare('UPDATE session SET confirmed = 0 WHERE key = ? AND confirmed = 1');
    this.#unconfirmAll = prepare('UPDATE session SET confirmed = 0 WHERE confirmed = 1');
    this.#unconfirmed = prepare(
      `${columns} WHERE confirmed = 0 AND key > ? AND expires > ? ORDER BY key LIMIT ?`,
    );
    this.#counts = prepare(
      'SELECT count(*), count(body), count(*) FILTER (WHERE confirmed = 0) FROM session WHERE expires > ?',
    );
    const first = (where: string) =>
      prepare(
        `DELETE FROM session WHERE rowid IN (SELECT rowid FROM session WHERE ${where} ORDER BY expires LIMIT ?)`,
      );
    this.#deleteExpired = first('expires <= ?');
    this.#deleteLive = first('body IS NOT NULL');
    this.#deleteAny = first('true');
  }

  /** A name no other file has. */
  fileId(): string {
    return String(this.#file.get()?.[0]);
  }

  get(key: string, now: number): SessionRow | undefined {
    const row = this.#get.get(key);
    const found = row && readRow(row);
    return found && found.expires > now ? found : undefined;
  }

  /** What is to be kept of a save; undefined where nothing is: it was destroyed, or nothing worth a write has changed. */
  save(key: string, saved: Pick<SessionRecord, 'body' | 'expires'>, stamp: number, now: number) {
    const row = this.get(key, now);
    if (row !== undefined && !this.wants(row, saved, now)) return undefined;
    const same = row?.body === saved.body;
    const version = same ? row.version : Math.max(stamp, (row?.version ?? 0) + 1);
    return this.#keep({ key, version, ...saved }, false);
  }

  /** Whether a save changes this row. */
  wants(row: SessionRow, { body, expires }: Pick<SessionRecord, 'body' | 'expires'>, now: number): boolean {
    if (!isLive(row)) return false;
    return row.body !== body || expires > row.expires + slackOf(expires, now);
  }

  /** A longer life for what is there. */
  prolong(key: string, expires: number, now: number): LiveRow | undefined {
    const row = this.get(key, now);
    if (row === undefined || !isLive(row) || expires <= row.expires) return undefined;
    return this.#keep({ ...row, expires }, false);
  }

  /**
   * Leaves a mark for `lifeMs`, and for as long as the session may last on a machine that prolongs it and does not know yet.
   * Undefined: it was destroyed before.
   */
  destroy(key: string, lifeMs: number, stamp: number, now: number): SessionRow | undefined {
    const row = this.get(key, now);
    if (row !== undefined && !isLive(row)) return undefined;
    const life = Math.max(lifeMs, row === undefined ? 0 : maxAgeOf(row));
    const expires = Math.max(now + life, row?.expires ?? 0);
    return this.#keep({ key, version: Math.max(stamp, (row?.version ?? 0) + 1), body: null, expires }, false);
  }

  /** Takes over what another machine did. */
  adopt(
    key: string,
    theirs: SessionRecord | { gone: true; expires: number },
    stamp: number,
    now: number,
  ): void {
    const row = this.get(key, now);
    if (row !== undefined && !isLive(row)) return;
    if ('gone' in theirs)
      this.#keep({ key, version: stamp, body: null, expires: Math.ceil(theirs.expires) }, true);
    else if (row === undefined || isNewer(theirs, row)) this.#keep({ key, ...theirs }, true);
  }

  /** Redis has exactly this. */
  confirm({ key, version, expires }: SessionRow): void {
    this.#confirm.run(key, version, expires);
  }

  /** Redis may not have this any more. */
  unconfirm(key: string): void {
    this.#unconfirm.run(key);
  }

  unconfirmAll(): void {
    this.#unconfirmAll.run();
  }

  unconfirmed(afterKey: string, limit: number, now: number): SessionRow[] {
    return this.#unconfirmed.all(afterKey, now, limit).map(readRow);
  }

  counts(now: number): { sessions: number; destroyed: number; unconfirmed: number } {
    const [all = 0, sessions = 0, unconfirmed = 0] = (this.#counts.get(now) ?? []).map(Number);
    return { sessions, destroyed: all - sessions, unconfirmed };
  }

  /** Takes out some of what has expired or is too much; whether there may be more. Marks of destroyed sessions go last. */
  sweep(most: number, now: number): boolean {
    if (this.#deleteExpired.run(now, SWEPT_AT_A_TIME) === SWEPT_AT_A_TIME) return true;
    const { sessions, destroyed } = this.counts(now);
    const over = Math.min(SWEPT_AT_A_TIME, sessions + destroyed - most);
    if (over <= 0) return false;
    if (this.#deleteLive.run(over) === 0) this.#deleteAny.run(over);
    return true;
  }

  #keep<R extends Omit<SessionRow, 'confirmed'>>(row: R, confirmed: boolean): R & { confirmed: boolean } {
    this.#put.run(row.key, row.version, row.body, row.expires, confirmed ? 1 : 0);
    return { ...row, confirmed };
  }
}

function readRow([key, version, body, expires, confirmed]: Row): SessionRow {
  return {
    key: String(key),
    version: Number(version),
    body: body === null ? null : String(body),
    expires: Number(expires),
    confirmed: confirmed === 1,
  };
}
