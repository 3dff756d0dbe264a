import type { DatabaseSync } from 'node:sqlite';
import { SpillwayError } from '../../shared/errors.ts';
import { NAMED_ROWS } from './rows.ts';

/** Marks the file as ours (`Spil`), so that `file(1)` and we can tell it from any other SQLite database. */
export const APPLICATION_ID = 0x5370696c;

/** Job states as stored. The numbers are part of the file format. */
export const State = {
  wait: 0,
  active: 1,
  delayed: 2,
  prioritized: 3,
  waitingChildren: 4,
  completed: 5,
  failed: 6,
} as const;
export type StateCode = (typeof State)[keyof typeof State];
export const STATE_COUNT = 7;

/** Bits of `job.flags`: what lives in other tables, so that the common job needs no look-ups there. */
export const Flag = {
  /** `data` is in table `payload`: long texts are not rewritten at each change of state. */
  payload: 1,
  /** Has rows in `child`: it is the parent of a flow. */
  children: 2,
  /** Has rows in `log`. */
  logs: 4,
} as const;

/** `job.data` longer than this many characters lives in table `payload`. */
export const INLINE_DATA_LIMIT = 2048;

/** Kinds of rows in `child`: where a parent keeps its children. Redis: `:dependencies`, `:processed`, `:failed`, `:unsuccessful`. */
export const ChildKind = { pending: 0, processed: 1, ignored: 2, unsuccessful: 3 } as const;
export type ChildKindCode = (typeof ChildKind)[keyof typeof ChildKind];

/*
 * Version 1.
 *
 * `job.score` orders a job within its state exactly as Redis does: a position for the lists (wait, active), and the
 * sorted-set score for the others, ties broken by the id's bytes. Hence one index serves every getter and every claim.
 * Times are milliseconds since 1970, except `lock_until`, `limiter_until` and `stalled_until`: those are on the
 * machine's monotonic clock, which a change of the time of day doesn't move (see time.ts).
 */
const V1 = `
CREATE TABLE file (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  boot_id TEXT NOT NULL
) STRICT;

-- Row 0 stands for the file: it counts the commits, in a page that nearly every commit writes anyway.

CREATE TABLE queue (
  num INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  id_counter INTEGER NOT NULL DEFAULT 0,
  priority_counter INTEGER NOT NULL DEFAULT 0,
  wait_head INTEGER NOT NULL DEFAULT 0,
  wait_tail INTEGER NOT NULL DEFAULT 0,
  active_seq INTEGER NOT NULL DEFAULT 0,
  stalled_epoch INTEGER NOT NULL DEFAULT 0,
  stalled_until REAL NOT NULL DEFAULT 0,
  limiter_count INTEGER NOT NULL DEFAULT 0,
  limiter_until REAL NOT NULL DEFAULT 0,
  event_ms INTEGER NOT NULL DEFAULT 0,
  event_seq INTEGER NOT NULL DEFAULT 0,
  event_count INTEGER NOT NULL DEFAULT 0,
  commits INTEGER NOT NULL DEFAULT 0,
  n_wait INTEGER NOT NULL DEFAULT 0 CHECK (n_wait >= 0),
  n_active INTEGER NOT NULL DEFAULT 0 CHECK (n_active >= 0),
  n_delayed INTEGER NOT NULL DEFAULT 0 CHECK (n_delayed >= 0),
  n_prioritized INTEGER NOT NULL DEFAULT 0 CHECK (n_prioritized >= 0),
  n_waiting_children INTEGER NOT NULL DEFAULT 0 CHECK (n_waiting_children >= 0),
  n_completed INTEGER NOT NULL DEFAULT 0 CHECK (n_completed >= 0),
  n_failed INTEGER NOT NULL DEFAULT 0 CHECK (n_failed >= 0),
  -- the newest events; when there are more than a few they move to table event
  tail TEXT NOT NULL DEFAULT '[]'
) STRICT;

CREATE TABLE meta (
  queue INTEGER NOT NULL,
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (queue, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
  row INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),
  score REAL NOT NULL,
  flags INTEGER NOT NULL DEFAULT 0,
  name TEXT NOT NULL,
  timestamp REAL NOT NULL,
  delay REAL NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL DEFAULT 0,
  attempts_started INTEGER NOT NULL DEFAULT 0,
  attempts_made INTEGER NOT NULL DEFAULT 0,
  stalled_count INTEGER NOT NULL DEFAULT 0,
  lock_token TEXT,
  lock_until REAL,
  claim_epoch INTEGER,
  processed_on REAL,
  finished_on REAL,
  parent_key TEXT,
  parent TEXT,
  scheduler_id TEXT,
  dedup_id TEXT,
  processed_by TEXT,
  deferred_failure TEXT,
  progress TEXT,
  return_value TEXT,
  failed_reason TEXT,
  stacktrace TEXT,
  opts TEXT NOT NULL,
  data TEXT,
  -- the state machine: a job has finished exactly in the two finished states, and only those were ever dated
  CHECK ((state IN (5, 6)) = (finished_on IS NOT NULL)),
  CHECK ((lock_token IS NULL) = (lock_until IS NULL)),
  CHECK (data IS NOT NULL OR flags & 1)
) STRICT;
-- Jobs the queue's counter named are found by their row number (see rows.ts); only the others need an index.
CREATE UNIQUE INDEX job_id ON job (queue, id) WHERE row >= ${NAMED_ROWS};
CREATE INDEX job_state ON job (queue, state, score, id);

CREATE TABLE payload (
  row INTEGER PRIMARY KEY,
  data TEXT NOT NULL
) STRICT;

CREATE TABLE child (
  parent INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 3),
  key TEXT NOT NULL,
  value TEXT,
  score REAL,
  PRIMARY KEY (parent, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
  job INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  queue INTEGER NOT NULL,
  ms INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL CHECK (n > 0),
  body TEXT NOT NULL,
  PRIMARY KEY (queue, ms, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE dedup (
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  expires_at REAL,
  PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dedup_next (
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  job TEXT NOT NULL,
  PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE scheduler (
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  next REAL NOT NULL,
  fields TEXT NOT NULL,
  PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduler_next ON scheduler (queue, next, id);

CREATE TABLE metric (
  queue INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('completed', 'failed')),
  count INTEGER NOT NULL,
  prev_ts REAL,
  prev_count INTEGER,
  points TEXT NOT NULL,
  PRIMARY KEY (queue, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE client (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  pid INTEGER NOT NULL,
  since REAL NOT NULL,
  seen REAL NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** Each entry brings the schema from its index to index + 1; never change one that was released. */
const MIGRATIONS: readonly string[] = [V1];
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings the open database to SCHEMA_VERSION inside one immediate transaction.
 * @throws SpillwayError SPILLWAY_SQLITE_NEWER_SCHEMA when a newer Spillway wrote the file,
 *   SPILLWAY_SQLITE_OPEN when it is another program's database.
 */
export function migrate(db: DatabaseSync, file: string, bootId: string): void {
  const version = readPragma(db, 'user_version');
  if (version === SCHEMA_VERSION) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    // Read again under the lock: another process may have migrated in the meantime.
    const current = readPragma(db, 'user_version');
    if (current > SCHEMA_VERSION) {
      throw new SpillwayError(
        'SPILLWAY_SQLITE_NEWER_SCHEMA',
        `${file} has schema version ${current}, this program knows ${SCHEMA_VERSION}. It was written by a newer Spillway: update this program, or give it a file of its own.`,
        { details: { file, found: current, known: SCHEMA_VERSION } },
      );
    }
    if (current === 0 && hasTables(db)) throw foreign(file);
    for (const sql of MIGRATIONS.slice(current)) db.exec(sql);
    if (current === 0) {
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.prepare('INSERT INTO file (id, boot_id) VALUES (1, ?)').run(bootId);
      db.exec("INSERT INTO queue (num, name) VALUES (0, '')");
    }
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

export function foreign(file: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_SQLITE_OPEN',
    `${file} is a SQLite database of another program: it has tables and none of them is Spillway's. Name another file.`,
    { details: { file } },
  );
}

function readPragma(db: DatabaseSync, name: 'user_version'): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function hasTables(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' LIMIT 1").get() !== undefined;
}
