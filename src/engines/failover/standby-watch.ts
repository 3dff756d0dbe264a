import type { SpillwayErrorCode } from '../../shared/errors.ts';
import { type Deadlines, LATE } from './deadline.ts';
import type { Ledger } from './ledger/index.ts';

/** How often it is tried whether the standby takes writes, in ms: nobody may learn only when Redis is away that it doesn't. */
const LOOK_MS = 2_000;
/** The same while it does not. */
const LOOK_AGAIN_MS = 500;
/** A write that takes longer is none to rely on, in ms. */
const LATE_MS = 2_000;

/** Troubles of the standby's file, as opposed to errors about a job. */
const CODE = /^SPILLWAY_SQLITE_/;
/** With these, what is in the file can still be read. */
const READABLE: ReadonlySet<string> = new Set<SpillwayErrorCode>([
  'SPILLWAY_SQLITE_FULL',
  'SPILLWAY_SQLITE_IO',
  'SPILLWAY_SQLITE_READ_ONLY',
  'SPILLWAY_SQLITE_BUSY',
]);

/** Why the standby takes nothing now. */
export interface StandbyTrouble {
  /** As in docs/errors.md. */
  code: string;
  message: string;
}

export function isStandbyTrouble(error: unknown): error is Error & StandbyTrouble {
  return error instanceof Error && 'code' in error && CODE.test(String(error.code));
}

/** The work, or `otherwise` when the standby's file is the trouble: the primary is there, and the call goes on without. */
export function unlessOut<T>(work: Promise<T>, otherwise: T): Promise<T> {
  return work.catch(error => {
    if (isStandbyTrouble(error)) return otherwise;
    throw error;
  });
}

/**
 * Knows whether the standby's file takes writes, by writing to it now and then and whenever something fails there: its
 * folder may be moved away, its disk full. While it is out the primary works alone, and this has been told.
 */
export class StandbyWatch {
  /** Why it takes nothing now. */
  trouble: StandbyTrouble | undefined;
  readonly #ledger: Ledger;
  readonly #deadlines: Deadlines;
  readonly #onChange: (trouble: StandbyTrouble | undefined) => void;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  /** @param onChange is told when it goes out, with why, and when it is back. */
  constructor(ledger: Ledger, deadlines: Deadlines, onChange: (trouble: StandbyTrouble | undefined) => void) {
    this.#ledger = ledger;
    this.#deadlines = deadlines;
    this.#onChange = onChange;
    this.#plan();
  }

  /** Whether not even what is on it can be read. */
  get isGone(): boolean {
    return this.trouble !== undefined && !READABLE.has(this.trouble.code);
  }

  /** Something failed there: finds out now whether it is the file. */
  suspect(): void {
    if (!this.#looking && !this.#closed) void this.#look();
  }

  #plan(): void {
    if (this.#closed) return;
    const pause = this.trouble === undefined ? LOOK_MS : LOOK_AGAIN_MS;
    this.#timer = setTimeout(() => this.suspect(), pause).unref();
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    this.#looking = true;
    const write = this.#ledger.touch().then(
      () => undefined,
      (error: unknown) => (isStandbyTrouble(error) ? error : undefined),
    );
    if ((await this.#deadlines.bound(write, LATE_MS)) === LATE) {
      this.#is({
        code: 'SPILLWAY_SQLITE_BUSY',
        message: `The standby's file did not take a write within ${LATE_MS} ms: another process holds its lock, or its disk hangs.`,
      });
    }
    this.#is(await write);
    this.#looking = false;
    this.#plan();
  }

  #is(trouble: StandbyTrouble | undefined): void {
    const told = this.trouble;
    if (this.#closed) return;
    this.trouble = trouble === undefined ? undefined : { code: trouble.code, message: trouble.message };
    if (told?.code !== trouble?.code) this.#onChange(this.trouble);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
