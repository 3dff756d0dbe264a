import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  openSync,
  readSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';

/*
 * The high-water mark: how many commits this file has acknowledged, kept outside the database, in `<file>-mark`.
 *
 * SQLite can't tell a truncated, damaged or deleted write-ahead log from a short one: it recovers to an older state
 * and calls it whole (`quick_check` says ok). The mark is what notices. It is written after the commit is on disk, so
 * it is never ahead of a trustworthy database; a mark that is ahead means commits were lost.
 *
 * 40 bytes: "SPILLMRK", commits (u64), flags (u32, 1 = commits were fsynced), boot (u32 hash), reserved (12), crc32.
 */
const MAGIC = 'SPILLMRK';
const SIZE = 40;
const READ_ATTEMPTS = 3;

export interface Mark {
  /** Commits acknowledged so far. */
  commits: number;
  /** Whether each was fsynced before it was acknowledged (durability `full`). */
  fsynced: boolean;
  /** Of the boot in which it was written; see `hashBoot`. */
  boot: number;
}

export function hashBoot(bootId: string): number {
  return crc32(bootId);
}

/** Reads the mark: undefined when there is none, 'damaged' when it can't be trusted. */
export function readMark(path: string): Mark | 'damaged' | undefined {
  let mark: Mark | 'damaged' | undefined = 'damaged';
  // Another process may be writing it at this moment: only what stays damaged is.
  for (let attempt = 0; attempt < READ_ATTEMPTS && mark === 'damaged'; attempt++) mark = readOnce(path);
  return mark;
}

function readOnce(path: string): Mark | 'damaged' | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = Buffer.alloc(SIZE);
  const fd = openSync(path, 'r');
  try {
    if (readSync(fd, bytes, 0, SIZE, 0) !== SIZE) return 'damaged';
  } finally {
    closeSync(fd);
  }
  const intact =
    bytes.toString('latin1', 0, 8) === MAGIC &&
    bytes.readUInt32LE(SIZE - 4) === crc32(bytes.subarray(0, SIZE - 4));
  if (!intact) return 'damaged';
  return {
    commits: Number(bytes.readBigUInt64LE(8)),
    fsynced: (bytes.readUInt32LE(16) & 1) === 1,
    boot: bytes.readUInt32LE(20),
  };
}

/** Writes the mark in place, one small write an acknowledged batch. It needs no fsync of its own: a mark that is behind is safe. */
export class MarkWriter {
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(SIZE);

  constructor(path: string, bootId: string) {
    this.#bytes.write(MAGIC, 'latin1');
    this.#bytes.writeUInt32LE(hashBoot(bootId), 20);
    if (!existsSync(path)) this.#create(path);
    // Never truncated: another process may have written it a moment ago.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  write(commits: number, fsynced: boolean): void {
    this.#fill(commits, fsynced);
    writeSync(this.#fd, this.#bytes, 0, SIZE, 0);
  }

  #fill(commits: number, fsynced: boolean): void {
    this.#bytes.writeBigUInt64LE(BigInt(commits), 8);
    this.#bytes.writeUInt32LE(fsynced ? 1 : 0, 16);
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(0, SIZE - 4)), SIZE - 4);
  }

  /** Makes the mark whole from the start, so that nobody ever reads an empty one; the first of several makers wins. */
  #create(path: string): void {
    this.#fill(0, true);
    const draft = `${path}-${process.pid}`;
    writeFileSync(draft, this.#bytes, { mode: 0o600 });
    try {
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(draft);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
