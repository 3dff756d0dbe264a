import type { DatabaseSync } from 'node:sqlite';
import { countedRow, NAMED_ROWS } from '../rows.ts';
import type { StateCode } from '../schema.ts';
import { decodeText, encodeText } from './free-text.ts';
import { HeldJobs } from './held-jobs.ts';
import { number, type Prepared, prepare, type Row, text, type Value } from './prepare.ts';

/** The columns a job is read back from; `readJob` in ../job-row.ts knows their order. */
const FULL = `row, id, flags, name, timestamp, delay, priority, attempts_started, attempts_made, stalled_count,
  processed_on, finished_on, parent_key, parent, scheduler_id, dedup_id, processed_by, deferred_failure,
  progress, return_value, failed_reason, stacktrace, opts, data`;

/** What an operation must know of a job before it changes it. */
export interface JobHead {
  row: number;
  id: string;
  state: StateCode;
  score: number;
  flags: number;
  delay: number;
  priority: number;
  attemptsMade: number;
  stalledCount: number;
  lockToken: string | null;
  lockUntil: number;
  parentKey: string | null;
  parent: string | null;
  schedulerId: string | null;
  dedupId: string | null;
  timestamp: number;
  processedOn: number | null;
  finishedOn: number | null;
}

const HEAD = `row, id, state, score, flags, delay, priority, attempts_made, stalled_count, lock_token, lock_until,
  parent_key, parent, scheduler_id, dedup_id, timestamp, processed_on, finished_on`;

function readHead(row: Row): JobHead {
  return {
    row: row[0] as number,
    id: row[1] as string,
    state: row[2] as StateCode,
    score: row[3] as number,
    flags: row[4] as number,
    delay: row[5] as number,
    priority: row[6] as number,
    attemptsMade: row[7] as number,
    stalledCount: row[8] as number,
    lockToken: text(row[9]),
    lockUntil: number(row[10]) ?? 0,
    parentKey: text(row[11]),
    parent: text(row[12]),
    schedulerId: text(row[13]),
    dedupId: text(row[14]),
    timestamp: row[15] as number,
    processedOn: number(row[16]),
    finishedOn: number(row[17]),
  };
}

/** Every statement on table `job` (and its out-of-line `payload`). */
export class JobSql {
  /** Jobs added by the running batch that are yet to be written. */
  readonly held: HeldJobs;
  readonly #db: DatabaseSync;
  readonly #insert: Prepared;
  readonly #headAt: Prepared;
  readonly #headNamed: Prepared;
  readonly #fullAt: Prepared;
  readonly #fullNamed: Prepared;
  readonly #rowNamed: Prepared;
  readonly #lastNamed: Prepared;
  #nextNamed: number | undefined;
  readonly #payload: Prepared;
  readonly #setPayload: Prepared;
  readonly #dropPayload: Prepared;
  readonly #delete: Prepared;
  readonly #deleteKnown: Prepared;
  readonly #first: Prepared;
  readonly #firstFull: Prepared;
  readonly #due: Prepared;
  readonly #claim: Prepared;
  readonly #finishKnown: Prepared;
  readonly #finish: Prepared;
  readonly #move: Prepared;
  readonly #unlock: Prepared;
  readonly #extend: Prepared;
  readonly #maxScore: Prepared;
  readonly #stalled: Prepared;
  readonly #updates = new Map<string, Prepared>();
  readonly #lists = new Map<string, Prepared>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.held = new HeldJobs(db);
    this.#insert = this.#prepare(
      `INSERT INTO job (row, queue, id, state, score, flags, name, timestamp, delay, priority, parent_key, parent,
         scheduler_id, dedup_id, opts, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    const named = `FROM job WHERE queue = ? AND id = ? AND row >= ${NAMED_ROWS}`;
    this.#headAt = this.#prepare(`SELECT ${HEAD} FROM job WHERE row = ?`);
    this.#headNamed = this.#prepare(`SELECT ${HEAD} ${named}`);
    this.#fullAt = this.#prepare(`SELECT ${FULL} FROM job WHERE row = ?`);
    this.#fullNamed = this.#prepare(`SELECT ${FULL} ${named}`);
    this.#rowNamed = this.#prepare(`SELECT row ${named}`);
    this.#lastNamed = this.#prepare(`SELECT max(row) FROM job WHERE row >= ${NAMED_ROWS}`);
    this.#payload = this.#prepare('SELECT data FROM payload WHERE row = ?');
    this.#setPayload = this.#prepare('INSERT OR REPLACE INTO payload (row, data) VALUES (?, ?)');
    this.#dropPayload = this.#prepare('DELETE FROM payload WHERE row = ?');
    this.#delete = this.#prepare('DELETE FROM job WHERE row = ? RETURNING state, flags');
    this.#deleteKnown = this.#prepare(
      'DELETE FROM job WHERE row = ? AND state = 1 AND lock_token = ? AND lock_until > ?',
    );
    this.#first = this.#prepare(
      `SELECT ${HEAD} FROM job WHERE queue = ? AND state = ? ORDER BY score, id LIMIT 1`,
    );
    this.#firstFull = this.#prepare(
      `SELECT ${FULL} FROM job WHERE queue = ? AND state = ? ORDER BY score, id LIMIT ?`,
    );
    this.#due = this.#prepare(
      `SELECT row, id, priority FROM job WHERE queue = ? AND state = 2 AND score <= ? ORDER BY score, id LIMIT ?`,
    );
    this.#claim =
      this.#prepare(`UPDATE job SET state = 1, score = ?, lock_token = ?, lock_until = ?, claim_epoch = ?, processed_on = ?,
         attempts_started = attempts_started + 1, processed_by = coalesce(?, processed_by) WHERE row = ?`);
    // Checks the lock and changes the state in one statement; used when all else about the job is known.
    this.#finishKnown =
      this.#prepare(`UPDATE job SET state = 5, score = ?, finished_on = ?, return_value = ?, attempts_made = attempts_made + 1,
         lock_token = NULL, lock_until = NULL WHERE row = ? AND state = 1 AND lock_token = ? AND lock_until > ?`);
    this.#finish =
      this.#prepare(`UPDATE job SET state = ?, score = ?, finished_on = ?, return_value = coalesce(?, return_value),
         failed_reason = coalesce(?, failed_reason), attempts_made = attempts_made + 1,
         deferred_failure = CASE ? WHEN 6 THEN NULL ELSE deferred_failure END WHERE row = ?`);
    this.#move = this.#prepare('UPDATE job SET state = ?, score = ? WHERE row = ?');
    this.#unlock = this.#prepare('UPDATE job SET lock_token = NULL, lock_until = NULL WHERE row = ?');
    this.#extend = this.#prepare(
      'UPDATE job SET lock_until = ?, claim_epoch = ? WHERE row = ? AND lock_token = ? AND lock_until > ?',
    );
    this.#maxScore = this.#prepare(
      'SELECT max(score) FROM job WHERE queue = ? AND state = 2 AND score BETWEEN ? AND ?',
    );
    this.#stalled =
      this.#prepare(`SELECT ${HEAD} FROM job WHERE queue = ? AND state = 1 AND coalesce(claim_epoch, -1) < ?
         AND (lock_until IS NULL OR lock_until <= ?) ORDER BY score LIMIT ?`);
  }

  /** Forgets what other processes, or a rollback, may have changed. */
  forget(): void {
    this.#nextNamed = undefined;
    this.held.forget();
  }

  /** Adds a job unless its id is taken; returns its row, or undefined when it is. */
  insert(
    queue: number,
    id: string,
    state: StateCode,
    score: number,
    flags: number,
    name: string,
    timestamp: number,
    delay: number,
    priority: number,
    parentKey: string | null,
    parent: string | null,
    schedulerId: string | null,
    dedupId: string | null,
    opts: string,
    data: string | null,
  ): number | undefined {
    const counted = countedRow(queue, id);
    this.#nextNamed ??= (number(this.#lastNamed.get()?.[0]) ?? NAMED_ROWS - 1) + 1;
    const row = counted ?? this.#nextNamed;
    const inserted = this.#insert.run(
      row,
      queue,
      id,
      state,
      score,
      flags,
      encodeText(name),
      timestamp,
      delay,
      priority,
      parentKey,
      parent,
      schedulerId,
      dedupId,
      opts,
      data,
    );
    if (inserted === 0) return undefined;
    if (counted === undefined) this.#nextNamed += 1;
    return row;
  }

  head(queue: number, id: string): JobHead | undefined {
    const counted = countedRow(queue, id);
    const row = counted === undefined ? this.#headNamed.get(queue, id) : this.#headAt.get(counted);
    return row && readHead(row);
  }

  full(queue: number, id: string): Row | undefined {
    const counted = countedRow(queue, id);
    return counted === undefined ? this.#fullNamed.get(queue, id) : this.#fullAt.get(counted);
  }

  returnValue(row: number): string | null {
    return text(this.#list('SELECT return_value FROM job WHERE row = ?').get(row)?.[0]);
  }

  failedReason(row: number): string | null {
    const reason = text(this.#list('SELECT failed_reason FROM job WHERE row = ?').get(row)?.[0]);
    return reason === null ? null : decodeText(reason);
  }

  payload(row: number): string {
    return String(this.#payload.get(row)?.[0] ?? '{}');
  }

  setPayload(row: number, data: string): void {
    this.#setPayload.run(row, data);
  }

  dropPayload(row: number): void {
    this.#dropPayload.run(row);
  }

  /** Deletes a job's row; undefined when it is gone already. */
  delete(row: number): { state: StateCode; flags: number } | undefined {
    const deleted = this.#delete.get(row);
    return deleted && { state: deleted[0] as StateCode, flags: deleted[1] as number };
  }

  /** Deletes an active job whose lock is live and held by `token`. */
  deleteKnown(row: number, token: string, monotonic: number): boolean {
    return this.#deleteKnown.run(row, token, monotonic) === 1;
  }

  /** The job at the front of a state: the next to be claimed, the next that is due. */
  first(queue: number, state: StateCode): JobHead | undefined {
    const row = this.#first.get(queue, state);
    return row && readHead(row);
  }

  /** The first jobs of a state with all their columns. */
  firstFull(queue: number, state: StateCode, count: number): Row[] {
    return this.#firstFull.all(queue, state, count);
  }

  /** Delayed jobs with a score up to `maxScore`: `[row, id, priority]`. */
  due(queue: number, maxScore: number, limit: number): Row[] {
    return this.#due.all(queue, maxScore, limit);
  }

  claim(
    row: number,
    score: number,
    token: string | null,
    until: number | null,
    epoch: number,
    now: number,
    worker: string | null,
  ): void {
    this.#claim.run(score, token, until, epoch, now, worker, row);
  }

  finishKnown(row: number, now: number, value: string, token: string, monotonic: number): boolean {
    return this.#finishKnown.run(now, now, value, row, token, monotonic) === 1;
  }

  finish(row: number, state: StateCode, now: number, value: string | null, reason: string | null): void {
    this.#finish.run(state, now, now, value, reason === null ? null : encodeText(reason), state, row);
  }

  move(row: number, state: StateCode, score: number): void {
    this.#move.run(state, score, row);
  }

  unlock(row: number): void {
    this.#unlock.run(row);
  }

  extendLock(
    queue: number,
    id: string,
    token: string,
    until: number,
    epoch: number,
    monotonic: number,
  ): boolean {
    const row = countedRow(queue, id) ?? number(this.#rowNamed.get(queue, id)?.[0]);
    return row !== null && this.#extend.run(until, epoch, row, token, monotonic) === 1;
  }

  /** The highest score of delayed jobs within the bounds, or null. */
  maxDelayedScore(queue: number, min: number, max: number): number | null {
    return number(this.#maxScore.get(queue, min, max)?.[0]);
  }

  /** Active jobs without a live lock that were active at the last stalled check already. */
  stalled(queue: number, epoch: number, monotonic: number, limit: number): JobHead[] {
    return this.#stalled.all(queue, epoch, monotonic, limit).map(readHead);
  }

  /** Sets some columns of a job; the statement for each set of columns is prepared once. */
  update(row: number, columns: Readonly<Record<string, Value>>): void {
    const names = Object.keys(columns);
    if (names.length === 0) return;
    const key = names.join(',');
    let statement = this.#updates.get(key);
    if (statement === undefined) {
      statement = this.#prepare(
        `UPDATE job SET ${names.map(name => `${name} = ?`).join(', ')} WHERE row = ?`,
      );
      this.#updates.set(key, statement);
    }
    statement.run(...Object.values(columns), row);
  }

  /** Ids of a state by rank, as ZRANGE / LRANGE see it. */
  ids(queue: number, state: StateCode, descending: boolean, limit: number, offset: number): string[] {
    const order = descending ? 'DESC' : 'ASC';
    return this.#list(
      `SELECT id FROM job WHERE queue = ? AND state = ? ORDER BY score ${order}, id ${order} LIMIT ? OFFSET ?`,
    )
      .all(queue, state, limit, offset)
      .map(row => row[0] as string);
  }

  /** Heads of jobs of a state with a score up to `max`, by rank. */
  headsUpTo(queue: number, state: StateCode, max: number, descending: boolean, limit: number): JobHead[] {
    const order = descending ? 'DESC' : 'ASC';
    return this.#list(
      `SELECT ${HEAD} FROM job WHERE queue = ? AND state = ? AND score <= ? ORDER BY score ${order}, id ${order} LIMIT ?`,
    )
      .all(queue, state, max, limit)
      .map(readHead);
  }

  /** Heads of jobs of a state that come after (score, id) by rank: for walking a state in slices. */
  headsAfter(queue: number, state: StateCode, score: number, id: string, limit: number): JobHead[] {
    return this.#list(
      `SELECT ${HEAD} FROM job WHERE queue = ? AND state = ? AND (score, id) > (?, ?) ORDER BY score, id LIMIT ?`,
    )
      .all(queue, state, score, id, limit)
      .map(readHead);
  }

  countBetween(queue: number, state: StateCode, min: number, max: number): number {
    return Number(
      this.#list('SELECT count(*) FROM job WHERE queue = ? AND state = ? AND score BETWEEN ? AND ?').get(
        queue,
        state,
        min,
        max,
      )?.[0],
    );
  }

  #prepare(sql: string): Prepared {
    return prepare(this.#db, sql, this.held);
  }

  #list(sql: string): Prepared {
    let statement = this.#lists.get(sql);
    if (statement === undefined) {
      statement = this.#prepare(sql);
      this.#lists.set(sql, statement);
    }
    return statement;
  }
}
