import { closeSync, constants, fdatasync, fdatasyncSync, fstatSync, openSync } from 'node:fs';
import { monotonicMs } from './time.ts';

/** An fsync that takes less than this, in ms, is short: the way to a thread and back is a good part of it. */
const SHORT_MS = 1;

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
  readonly path: string;
  readonly #calls: DiskCalls;
  #handle: number | undefined;
  #tookMs = 0;

  /** @param file the database's path; the log need not be there yet. */
  constructor(file: string, calls = systemCalls) {
    this.#calls = calls;
    this.path = `${file}-wal`;
  }

  /** Whether the last fsync was a short one: such a one may be made where we are, if nobody waits for the event loop. */
  get isQuick(): boolean {
    return this.#tookMs < SHORT_MS;
  }

  /** Whether it was deleted under us. False as long as it was never opened. */
  isUnlinked(): boolean {
    return this.#handle !== undefined && fstatSync(this.#handle).nlink === 0;
  }

  /** Opens the log that has the name now; later calls keep it. SQLite must have made it. */
  open(): number {
    this.#handle ??= openSync(this.path, constants.O_RDWR);
    return this.#handle;
  }

  /** Brings what was written to the disk before it returns; returns why that failed. */
  sync(): Error | null {
    const start = this.#calls.now();
    try {
      this.#calls.sync(this.open());
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
    this.#calls.syncAside(this.open(), error => {
      this.#tookMs = this.#calls.now() - start;
      done(error);
    });
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }
}
