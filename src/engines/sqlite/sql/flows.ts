import type { DatabaseSync } from 'node:sqlite';
import type { ChildKindCode } from '../schema.ts';
import { decodeText, encodeText } from './free-text.ts';
import { type Prepared, prepare, type Row } from './prepare.ts';

/** Statements on what hangs on a job: its children (table `child`) and its log lines. `parent` and `job` are row numbers. */
export class FlowSql {
  readonly #put: Prepared;
  readonly #drop: Prepared;
  readonly #has: Prepared;
  readonly #count: Prepared;
  readonly #any: Prepared;
  readonly #all: Prepared;
  readonly #page: Prepared;
  readonly #scored: Prepared;
  readonly #dropAll: Prepared;
  readonly #addLog: Prepared;
  readonly #logBounds: Prepared;
  readonly #trimLogs: Prepared;
  readonly #logs: Prepared;
  readonly #dropLogs: Prepared;

  constructor(db: DatabaseSync) {
    this.#put = prepare(
      db,
      'INSERT OR REPLACE INTO child (parent, kind, key, value, score) VALUES (?, ?, ?, ?, ?)',
    );
    this.#drop = prepare(db, 'DELETE FROM child WHERE parent = ? AND kind = ? AND key = ?');
    this.#has = prepare(db, 'SELECT 1 FROM child WHERE parent = ? AND kind = ? AND key = ?');
    this.#count = prepare(db, 'SELECT count(*) FROM child WHERE parent = ? AND kind = ?');
    this.#any = prepare(db, 'SELECT 1 FROM child WHERE parent = ? AND kind = ? LIMIT 1');
    this.#all = prepare(db, 'SELECT key, value FROM child WHERE parent = ? AND kind = ? ORDER BY key');
    this.#page = prepare(
      db,
      'SELECT key, value FROM child WHERE parent = ? AND kind = ? ORDER BY key LIMIT ? OFFSET ?',
    );
    this.#scored = prepare(
      db,
      'SELECT key FROM child WHERE parent = ? AND kind = ? ORDER BY score, key LIMIT ? OFFSET ?',
    );
    this.#dropAll = prepare(db, 'DELETE FROM child WHERE parent = ?');
    this.#addLog = prepare(
      db,
      'INSERT INTO log (job, seq, line) VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM log WHERE job = ?), ?)',
    );
    this.#logBounds = prepare(
      db,
      'SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM log WHERE job = ?',
    );
    this.#trimLogs = prepare(db, 'DELETE FROM log WHERE job = ? AND seq <= ?');
    this.#logs = prepare(db, 'SELECT line FROM log WHERE job = ? AND seq BETWEEN ? AND ? ORDER BY seq');
    this.#dropLogs = prepare(db, 'DELETE FROM log WHERE job = ?');
  }

  putChild(
    parent: number,
    kind: ChildKindCode,
    key: string,
    value: string | null,
    score: number | null,
  ): void {
    this.#put.run(parent, kind, key, value, score);
  }
  /** Tells whether the child was there. */
  dropChild(parent: number, kind: ChildKindCode, key: string): boolean {
    return this.#drop.run(parent, kind, key) === 1;
  }
  hasChild(parent: number, kind: ChildKindCode, key: string): boolean {
    return this.#has.get(parent, kind, key) !== undefined;
  }
  countChildren(parent: number, kind: ChildKindCode): number {
    return Number(this.#count.get(parent, kind)?.[0] ?? 0);
  }
  anyChild(parent: number, kind: ChildKindCode): boolean {
    return this.#any.get(parent, kind) !== undefined;
  }
  /** `[key, value]` of all children of a kind. */
  children(parent: number, kind: ChildKindCode): Row[] {
    return this.#all.all(parent, kind);
  }
  childrenPage(parent: number, kind: ChildKindCode, limit: number, offset: number): Row[] {
    return this.#page.all(parent, kind, limit, offset);
  }
  /** `[key]` of children in the order of their scores. */
  childrenByScore(parent: number, kind: ChildKindCode, limit: number, offset: number): Row[] {
    return this.#scored.all(parent, kind, limit, offset);
  }
  dropChildren(parent: number): void {
    this.#dropAll.run(parent);
  }

  addLog(job: number, line: string): void {
    this.#addLog.run(job, job, encodeText(line));
  }
  /** The first and last line's numbers; last < first when there is none. */
  logBounds(job: number): [first: number, last: number] {
    const row = this.#logBounds.get(job);
    return [Number(row?.[0]), Number(row?.[1])];
  }
  trimLogs(job: number, upTo: number): void {
    this.#trimLogs.run(job, upTo);
  }
  logs(job: number, from: number, to: number): string[] {
    return this.#logs.all(job, from, to).map(row => decodeText(row[0] as string));
  }
  dropLogs(job: number): void {
    this.#dropLogs.run(job);
  }
}
