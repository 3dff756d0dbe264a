import { type BigIntStats, statSync } from 'node:fs';
import { SpillwayError } from '../../shared/errors.ts';
import { MarkWriter } from './mark.ts';
import { bootId } from './time.ts';

/**
 * Watches over the file while it is open: keeps the high-water mark, and notices when the database or its log was
 * deleted or replaced under us. SQLite would go on writing to the unlinked file, and everything it acknowledged would
 * be gone with the process.
 */
export class FileGuard {
  readonly #file: string;
  readonly #fsynced: boolean;
  readonly #mark: MarkWriter | undefined;
  #database: string | undefined;
  #log: string | undefined;

  constructor(file: string, durability: 'full' | 'normal') {
    this.#file = file;
    this.#fsynced = durability === 'full';
    if (file === ':memory:') return;
    this.#mark = new MarkWriter(`${file}-mark`, bootId());
    this.#database = identity(file);
  }

  /** @throws SpillwayError SPILLWAY_SQLITE_LOST_COMMITS when the file or its log is not the one we opened. */
  beforeCommit(): void {
    if (this.#mark === undefined) return;
    const log = identity(`${this.#file}-wal`);
    this.#log ??= log;
    if (this.#database === identity(this.#file) && log !== undefined && log === this.#log) return;
    throw new LostFileError(this.#file);
  }

  /** A batch is on disk and about to be acknowledged. */
  acknowledged(commits: number): void {
    this.#mark?.write(commits, this.#fsynced);
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
      `${file} or its write-ahead log was deleted or replaced while it was in use: what this process wrote since is lost with it. Nothing more is accepted; stop all processes that use the file, restore it, then start again.`,
      { details: { file } },
    );
  }
}

function identity(path: string): string | undefined {
  const found: BigIntStats | undefined = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}
