import { closeSync, constants, fdatasync, fdatasyncSync, fstatSync, openSync, statSync } from 'node:fs';
import { monotonicMs } from './time.ts';

/** An fsync that takes less than this, in ms, is short: the way to a thread and back (some 0.06 ms) is a good part of it. */
const SHORT_MS = 2;

/** The two ways to bring a file to the disk, and the clock that times them. */
export interface DiskCalls {
  /** In milliseconds, monotonic. */
  now(): number;
  /** Before it returns. @throws what the system says. */
  sync(handle: number): void;
  /** On a thread of Node's pool. */
  syncAside(handle: number, done: (error: Error | null) => void): void;
}

const systemCalls: DiskCalls = { now: monotonicMs, sync: fdatasyncSync, syncAside: fdatasync };

/**
 * The write-ahead log, as the file it is. SQLite writes each commit into it (`synchronous = NORMAL`: without an fsync of
 * its own), and we bring it to the disk before anything is acknowledged, mostly on a thread of Node's pool, so that the
 * event loop goes on. SQLite has no locks on the log that closing our handle could end.
 */
export class LogFile {
  readonly #path: string;
  readonly #calls: DiskCalls;
  readonly #handle: number;
  /** What the last fsync took; of the first nothing is known. */
  #tookMs = Number.POSITIVE_INFINITY;

  /** @param file the database's path; it must be open, so that the log is there. */
  constructor(file: string, calls = systemCalls) {
    this.#path = `${file}-wal`;
    this.#calls = calls;
    this.#handle = openSync(this.#path, constants.O_RDWR);
  }

  /** Whether the last fsync was a short one: such a one may be made where we are, if nobody waits for the event loop. */
  get isQuick(): boolean {
    return this.#tookMs < SHORT_MS;
  }

  /** Whether it was deleted under us. */
  isUnlinked(): boolean {
    return fstatSync(this.#handle).nlink === 0;
  }

  /** Whether it still stands where it stood, and no other in its place. */
  hasItsName(): boolean {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    const { dev, ino } = fstatSync(this.#handle);
    return found?.dev === dev && found.ino === ino;
  }

  /** Brings what was written to the disk before it returns; returns why that failed. */
  sync(): Error | null {
    const start = this.#calls.now();
    try {
      this.#calls.sync(this.#handle);
      return null;
    } catch (error) {
      return error as Error;
    } finally {
      this.#tookMs = this.#calls.now() - start;
    }
  }

  /** The same on another thread. */
  syncAside(done: (error: Error | null) => void): void {
    const start = this.#calls.now();
    this.#calls.syncAside(this.#handle, error => {
      this.#tookMs = this.#calls.now() - start;
      done(error);
    });
  }

  close(): void {
    closeSync(this.#handle);
  }
}
