import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  type Stats,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SpillwayError } from '../../shared/errors.ts';
import { isBusy, isCorruption, isMediumFault, translate } from './failure.ts';
import { hashBoot, type Mark, readMark } from './mark.ts';
import { quarantine, refuseIfQuarantined } from './quarantine.ts';
import { APPLICATION_ID, foreign, migrate, SCHEMA_VERSION } from './schema.ts';
import { bootId, monotonicMs } from './time.ts';

/** How long one statement may wait for another process inside SQLite, where it blocks the event loop; longer waits are ours. */
export const BLOCKING_BUSY_MS = 4;

/** Files up to this size are checked page by page when opened; larger ones when a bad page is met. */
const QUICK_CHECK_LIMIT = 64 * 1024 * 1024;

export interface OpenedFile {
  db: DatabaseSync;
  /** What must be told though the file can be used: lost commits that durability `normal` allows, a mark that can't be read. */
  warnings: SpillwayError[];
}

/** Opens the database of `file`, checks that it is whole and ours, and brings its schema up to date. */
export function openFile(file: string, busyTimeoutMs: number): OpenedFile {
  if (file === ':memory:') {
    const db = new DatabaseSync(':memory:');
    migrate(db, file, bootId());
    return { db, warnings: [] };
  }
  const existing = checkPath(file);
  refuseIfQuarantined(file);
  const mark = readMark(`${file}-mark`);
  if (existing === undefined || existing.size === 0) refuseIfVanished(file, mark);
  else checkHeader(file, mark !== undefined);
  secureMode(file, existing);

  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    // Opening waits in place for a while: another process may be creating or recovering the same file.
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    useLog(db, monotonicMs() + busyTimeoutMs);
    if (existing !== undefined && existing.size > 0 && existing.size <= QUICK_CHECK_LIMIT)
      quickCheck(db, file);
    // Before anything is written: a damaged log is evidence, and the first write would overwrite it.
    const warnings = checkMark(db, file, mark);
    if (existing !== undefined) moveLog(db);
    migrate(db, file, bootId());
    tune(db);
    endLocksOfOtherBoots(db);
    db.exec(`PRAGMA busy_timeout = ${BLOCKING_BUSY_MS}`);
    return { db, warnings };
  } catch (error) {
    const failure = isCorruption(error) ? quarantine(file, 'damaged', translate(error, file).message) : error;
    db?.close();
    throw failure instanceof SpillwayError ? failure : translate(failure, file);
  }
}

/** Switches to the write-ahead log. SQLite's busy timeout doesn't count here when another process is switching too. */
function useLog(db: DatabaseSync, deadline: number): void {
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || monotonicMs() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKING_BUSY_MS);
    }
  }
}

/**
 * Moves the log into the database, as far as other processes let it. If the disk failed to keep the log once, its pages may
 * be no more than memory, and what is written behind them is worth as little.
 */
function moveLog(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch (error) {
    // A disk that takes no writes now may be read; whoever writes will hear of it.
    if (!isMediumFault(error)) throw error;
  }
}

function tune(db: DatabaseSync): void {
  // The log is fsynced before it is moved into the database and when it starts over; before an acknowledgement by us (log-file.ts).
  db.exec('PRAGMA synchronous = NORMAL');
  db.exec('PRAGMA temp_store = MEMORY');
  db.exec('PRAGMA cache_size = -32768');
  db.exec('PRAGMA foreign_keys = OFF');
  // A log that once grew is cut back when it starts over.
  db.exec('PRAGMA journal_size_limit = 67108864');
}

/** The folder must exist on a local disk; the path must be a file we may write, or nothing yet. */
function checkPath(file: string): Stats | undefined {
  const folder = dirname(file);
  const about = statSync(folder, { throwIfNoEntry: false });
  if (about === undefined || !about.isDirectory()) {
    throw openError(
      file,
      `the folder ${folder} does not exist. Make it first (mkdir -p), Spillway doesn't guess`,
    );
  }
  refuseNetworkDisk(file, statfsSync(folder).type);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw openError(file, 'it is a folder, not a file. Name a file in it');
  if (found !== undefined && !found.isFile()) throw openError(file, 'it is not a regular file');
  try {
    if (found !== undefined) accessSync(file, constants.R_OK | constants.W_OK);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new SpillwayError(
      'SPILLWAY_SQLITE_READ_ONLY',
      `${file} can't be written: the file, its folder or its disk is read-only for this user. Give the user write access to the folder too (SQLite keeps its log beside the file).`,
      { cause, details: { file } },
    );
  }
  return found;
}

/** File-system types whose locks or shared memory SQLite's log can't rely on (statfs(2), magic.h). */
const NETWORK_DISKS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

/** @throws SpillwayError SPILLWAY_SQLITE_NETWORK_DISK when `type` (of statfs) is a network file system's. */
export function refuseNetworkDisk(file: string, type: number): void {
  const name = NETWORK_DISKS.get(type >>> 0);
  if (name === undefined) return;
  throw new SpillwayError(
    'SPILLWAY_SQLITE_NETWORK_DISK',
    `${file} is on a network disk (${name}), where SQLite's locks can't be trusted. Put it on a local disk; several machines share work through Redis, Valkey or PostgreSQL.`,
    { details: { file, disk: name } },
  );
}

function checkHeader(file: string, ours: boolean): void {
  const head = Buffer.alloc(105);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  if (head.toString('latin1', 0, 16) === 'SQLite format 3\0') {
    // Known by its application id, before anything is changed (its journal mode, its rights). A young file of ours may
    // have its id, and all else, in its log still: then it has no tables (cells on its first page) either.
    const tables = head.readUInt16BE(103);
    if (!ours && tables > 0 && head.readUInt32BE(68) !== APPLICATION_ID) throw foreign(file);
    return;
  }
  // Without our mark beside it this never was a database of ours: say so and touch nothing.
  if (!ours) throw openError(file, 'it is not a SQLite database. Name another file');
  throw quarantine(
    file,
    'damaged',
    `${file} no longer begins like a SQLite database: its header was overwritten.`,
  );
}

/** The file is 0600, and so are the log and the shared memory that SQLite makes beside it with the same mode. */
function secureMode(file: string, existing: Stats | undefined): void {
  if (existing === undefined) {
    closeSync(openSync(file, 'a', 0o600));
  } else if ((existing.mode & 0o077) !== 0) {
    try {
      chmodSync(file, 0o600);
    } catch {
      // Somebody else's file that we may write: its mode is its owner's business.
    }
  }
}

function quickCheck(db: DatabaseSync, file: string): void {
  const row = db.prepare('PRAGMA quick_check(1)').get();
  const verdict = String(Object.values(row ?? {})[0]);
  if (verdict !== 'ok') throw quarantine(file, 'damaged', `${file} is damaged: ${verdict}.`);
}

function refuseIfVanished(file: string, mark: Mark | 'damaged' | undefined): void {
  if (mark === undefined) return;
  const commits = mark === 'damaged' ? 1 : mark.commits;
  if (commits === 0) return;
  // Looked at again, after the mark: another process may be making both just now.
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  throw new SpillwayError(
    'SPILLWAY_SQLITE_LOST_COMMITS',
    `${file} is ${existsSync(file) ? 'empty' : 'gone'}, but ${file}-mark says it held acknowledged work (${commits} commits). Restore it from a backup; to start over on purpose, delete ${file}-mark as well.`,
    { details: { file, commits } },
  );
}

/** Compares the database's count of commits with the mark outside it. */
function checkMark(db: DatabaseSync, file: string, mark: Mark | 'damaged' | undefined): SpillwayError[] {
  if (mark === undefined) return [];
  if (mark === 'damaged') {
    const message = `${file}-mark is damaged and is written anew: whether the newest commits of ${file} were lost before this start can't be told.`;
    return [new SpillwayError('SPILLWAY_SQLITE_LOST_COMMITS', message, { details: { file } })];
  }
  // A newer schema is refused by `migrate`, whatever it counts.
  if (Number(db.prepare('PRAGMA user_version').get()?.user_version) > SCHEMA_VERSION) return [];
  // Without its log, a young database has not even its tables.
  const made = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'queue'").get() !== undefined;
  const found = made ? Number(db.prepare('SELECT commits FROM queue WHERE num = 0').get()?.commits) : 0;
  const missing = mark.commits - found;
  if (missing <= 0) return [];
  // Without fsyncs, a power loss may take the last commits: that is the bargain of `normal`, reported but not a damage.
  if (!mark.fsynced && mark.boot !== hashBoot(bootId())) {
    const message = `${file}: a power loss has taken the last ${missing} commits, as durability "normal" allows. Jobs added in them are gone; use durability "full" if that must not happen.`;
    return [new SpillwayError('SPILLWAY_SQLITE_LOST_COMMITS', message, { details: { file, missing } })];
  }
  throw quarantine(
    file,
    'lost-commits',
    `${file} has lost its last ${missing} acknowledged commits (it knows ${found}, the mark beside it ${mark.commits}): its write-ahead log was deleted, cut or damaged, or an older copy was put in its place.`,
    missing,
  );
}

/** Monotonic times of an earlier boot mean nothing: those locks, limits and pauses are over. */
function endLocksOfOtherBoots(db: DatabaseSync): void {
  const current = bootId();
  if (db.prepare('SELECT boot_id FROM file').get()?.boot_id === current) return;
  db.exec('BEGIN IMMEDIATE');
  db.exec('UPDATE job SET lock_until = 0 WHERE state = 1 AND lock_until IS NOT NULL');
  db.exec('UPDATE queue SET stalled_until = 0, limiter_until = 0, limiter_count = 0');
  db.exec('DELETE FROM client');
  db.prepare('UPDATE file SET boot_id = ?').run(current);
  db.exec('COMMIT');
}

function openError(file: string, why: string): SpillwayError {
  return new SpillwayError('SPILLWAY_SQLITE_OPEN', `${file} can't be used as a queue file: ${why}.`, {
    details: { file },
  });
}
