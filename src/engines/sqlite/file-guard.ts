import { statSync } from 'node:fs';
import { SpillwayError } from '../../shared/errors.ts';
import type { LogFile } from './log-file.ts';
import { MarkWriter } from './mark.ts';
import { bootId, monotonicMs } from './time.ts';

/** How often, at most, the file is looked at while it is written to. */
const LOOK_EVERY_MS = 10;

/**
 * Watches over the file while it is open: keeps the high-water mark, and notices when the database or its log was
 * deleted or replaced under us. SQLite would go on writing to the unlinked file, and everything it acknowledged would
 * be gone with the process.
 */
export class FileGuard {
  readonly #file: string;
  readonly #fsynced: boolean;
  readonly #mark: MarkWriter | undefined;
  readonly #log: LogFile | undefined;
  #database: string | undefined;
  #nextLook = 0;

  /** @param log none when the file is `:memory:`: then there is nothing to watch over. */
  constructor(file: string, log: LogFile | undefined, durability: 'full' | 'normal') {
    this.#file = file;
    this.#log = log;
    this.#fsynced = durability === 'full';
    if (log === undefined) return;
    this.#mark = new MarkWriter(`${file}-mark`, bootId());
    this.#database = identity(file);
  }

  /** @throws SpillwayError SPILLWAY_SQLITE_LOST_COMMITS when the file or its log is not the one we opened. */
  beforeCommit(): void {
    if (this.#log === undefined) return;
    const now = monotonicMs();
    if (now < this.#nextLook) return;
    this.#nextLook = now + LOOK_EVERY_MS;
    if (!this.#isOurs()) throw new LostFileError(this.#file);
  }

  /** What makes a commit worth nothing: its log was deleted. Asked before each acknowledgement; the rest is looked at now and then. */
  whyLost(): SpillwayError | undefined {
    return this.#log?.isUnlinked() ? new LostFileError(this.#file) : undefined;
  }

  /**
   * Whether the very files we have open stand in their place again: they were only moved, and hold all that was
   * acknowledged. (Their numbers can't have been given to others: we hold them open.)
   */
  isBack(): boolean {
    const now = monotonicMs();
    if (now < this.#nextLook) return false;
    this.#nextLook = now + LOOK_EVERY_MS;
    return this.#isOurs();
  }

  #isOurs(): boolean {
    return this.#database === identity(this.#file) && this.#log?.hasItsName() === true;
  }

  /**
   * A batch is on disk and about to be acknowledged.
   * @returns what went wrong with the mark: one that is behind only watches over less.
   */
  acknowledged(commits: number): SpillwayError | undefined {
    try {
      this.#mark?.write(commits, this.#fsynced);
      return undefined;
    } catch (cause) {
      return new SpillwayError(
        'SPILLWAY_SQLITE_IO',
        `${this.#file}-mark can't be written. The jobs are stored; until it can be written again, a loss of the newest commits would not be noticed.`,
        { cause, details: { file: this.#file } },
      );
    }
  }

  isLost(error: unknown): boolean {
    return error instanceof LostFileError;
  }

  close(): void {
    this.#mark?.close();
  }
}

class LostFileError extends SpillwayError {
  constructor(file: string) {
    super(
      'SPILLWAY_SQLITE_LOST_COMMITS',
      `${file} or its write-ahead log was deleted, moved or replaced while it was in use. Nothing more is accepted. If it was moved, put it back: work goes on by itself. If not, what was written since is lost; stop all processes that use the file, restore it, then start again.`,
      { details: { file } },
    );
  }
}

function identity(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}
