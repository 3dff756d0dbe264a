/**
 * What a child process did, on disk: one write(2) a line, so that it survives `kill -9` of its writer at any moment.
 * A line is `<mark> <key> <time> <reason>`; the time is the shared clock's, in milliseconds.
 */
import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { sharedClockMs } from './clock.ts';

const MARKS = {
  /** An `add` is about to be called. */
  began: '?',
  /** It resolved: the job must be processed. */
  acknowledged: '!',
  /** It rejected: the job may be processed. */
  rejected: 'x',
  /** A handler did the work of the job; the reason is the job's id. */
  ran: '+',
  /** A handler found that the work had been done, and did nothing (`--idempotent`). */
  repeated: '=',
  /** The engine took the handler's result. */
  completed: 'c',
  /** The engine recorded the job as failed, which no handler asked for. */
  failed: 'f',
  /** The engine has told that a job, by its id, ran twice or is about to. */
  counted: 'd',
  /** An `error` event; the key is a dash. */
  error: 'e',
} as const;
export type EntryKind = keyof typeof MARKS;
const KINDS = new Map(Object.entries(MARKS).map(([kind, mark]) => [mark as string, kind as EntryKind]));

export interface Entry {
  readonly kind: EntryKind;
  readonly key: string;
  readonly at: number;
  readonly reason: string;
}

const LONGEST_REASON = 200;

export function formatEntry({ kind, key, at, reason }: Entry): string {
  if (key === '' || /\s/.test(key))
    throw new RangeError(`a key is one word; received ${JSON.stringify(key)}`);
  const oneLine = reason.replaceAll(/\s+/g, ' ').slice(0, LONGEST_REASON).trim();
  return `${MARKS[kind]} ${key} ${at.toFixed(3)} ${oneLine}`.trimEnd();
}

export function parseEntry(line: string): Entry {
  const [mark = '', key = '', at = '', ...reason] = line.split(' ');
  const kind = KINDS.get(mark);
  if (kind === undefined || !Number.isFinite(Number(at)) || at === '') {
    throw new Error(`not a line of a log: ${JSON.stringify(line)}`);
  }
  return { kind, key, at: Number(at), reason: reason.join(' ') };
}

export class LogWriter {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o600);
  }

  write(kind: EntryKind, key: string, reason = ''): void {
    writeSync(this.#fd, `${formatEntry({ kind, key, at: sharedClockMs(), reason })}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Follows a log that is being written, by a process that may die in the middle of a line. */
export class LogReader {
  readonly #path: string;
  readonly #chunk = Buffer.alloc(64 * 1024);
  readonly #decoder = new StringDecoder('utf8');
  #fd: number | undefined;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** What came since the last call, whole lines only. */
  read(): Entry[] {
    if (this.#fd === undefined) {
      if (!existsSync(this.#path)) return [];
      this.#fd = openSync(this.#path, 'r');
    }
    let text = this.#rest;
    for (;;) {
      const length = readSync(this.#fd, this.#chunk);
      if (length === 0) break;
      text += this.#decoder.write(this.#chunk.subarray(0, length));
    }
    const lines = text.split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.map(parseEntry);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
