import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { type Prepared, prepare } from './sql/prepare.ts';
import { monotonicMs } from './time.ts';

/*
 * Moving the write-ahead log into the database costs about as much as writing the log did. On the main thread that would
 * be several milliseconds of the user's event loop at a time, so a busy file gets a thread for it, with a connection of
 * its own. That thread can't bring the log to its end while the main thread goes on appending, and only a log that was
 * moved whole starts over; so when it has grown long, the main thread moves the little that is left itself.
 */

/** A file of which fewer rows were written is left to SQLite's own small checkpoints. */
const BUSY_AFTER_ROWS = 2000;
/** The time between two checkpoints, in ms: the first when there is little to move, the second at the least. */
const PAUSE_MS = 200;
const SHORT_PAUSE_MS = 10;
/** So many rows since the last checkpoint are much to move: what is left for the main thread must stay little. */
const MANY_ROWS = 2000;
/**
 * A log of more pages than this (16 MB) is brought to its end, so that it starts over: appending to a file that is there
 * costs an fsync half of what making it longer costs.
 */
const LONG_LOG_PAGES = 4096;
/** SQLite's own checkpoints while the thread is there: only if it falls far behind. */
const LAST_RESORT_PAGES = 65_536;

/** Fewer pages than this are little enough to be left to the main thread. */
const FEW_PAGES = 64;
/** How often the thread goes after what the main thread appended meanwhile. */
const MOST_PASSES = 8;

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { DatabaseSync } = require('node:sqlite');
const db = new DatabaseSync(workerData);
db.exec('PRAGMA busy_timeout = 0');
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
let moved = 0;
function pass() {
  const { log, checkpointed } = checkpoint.get();
  const before = checkpointed < moved ? 0 : moved;
  moved = checkpointed;
  return { log, now: checkpointed - before };
}
parentPort.on('message', message => {
  if (message === 'close') { db.close(); parentPort.close(); return; }
  let pages = -1;
  try {
    for (let passes = 0; passes < ${MOST_PASSES}; passes++) {
      const { log, now } = pass();
      pages = log;
      if (log <= ${LONG_LOG_PAGES} || now < ${FEW_PAGES}) break;
    }
  } catch {}
  parentPort.postMessage(pages);
});
`;

export class Checkpointer {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly #finish: Prepared;
  #rows = 0;
  #thread: Worker | undefined;
  #asked = false;
  #lastAt = 0;
  #sinceLast = 0;
  #logPages = 0;
  #failed = false;

  constructor(file: string, db: DatabaseSync) {
    this.#file = file;
    this.#db = db;
    this.#finish = prepare(db, 'PRAGMA wal_checkpoint(PASSIVE)');
  }

  /** Told of each commit and how many rows it wrote. Runs outside any transaction. */
  committed(rows: number): void {
    this.#rows += rows;
    this.#sinceLast += rows;
    if (this.#rows < BUSY_AFTER_ROWS || this.#failed || this.#file === ':memory:') return;
    if (this.#logPages > LONG_LOG_PAGES) {
      this.#logPages = 0;
      try {
        this.#finish.get();
      } catch {
        // What the disk refuses here it refuses at the next commit, too, which is somebody's who can be told.
      }
      return;
    }
    if (this.#asked) return;
    const pause = this.#sinceLast < MANY_ROWS ? PAUSE_MS : SHORT_PAUSE_MS;
    if (monotonicMs() - this.#lastAt < pause) return;
    this.#sinceLast = 0;
    this.#thread ??= this.#start();
    this.#asked = true;
    this.#thread.postMessage('checkpoint');
  }

  #start(): Worker {
    const thread = new Worker(THREAD, { eval: true, workerData: this.#file, env: {}, execArgv: [] });
    thread.unref();
    thread.on('message', (pages: number) => {
      this.#asked = false;
      this.#logPages = pages;
      this.#lastAt = monotonicMs();
    });
    thread.on('error', () => {
      // No thread to be had: SQLite's own checkpoints go on as before.
      this.#failed = true;
      this.#db.exec('PRAGMA wal_autocheckpoint = 1000');
    });
    this.#db.exec(`PRAGMA wal_autocheckpoint = ${LAST_RESORT_PAGES}`);
    return thread;
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    if (thread === undefined || this.#failed) return;
    this.#failed = true;
    // Until it is gone the process must stay: it holds the file.
    thread.ref();
    const gone = new Promise<void>(resolve => thread.once('exit', () => resolve()));
    thread.postMessage('close');
    await gone;
  }
}
