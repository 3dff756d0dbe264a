import { type FSWatcher, watch } from 'node:fs';
import type { QueueState } from './queue-state.ts';
import type { Session } from './session.ts';
import { timers } from './time.ts';

/** Called when a queue may have changed; returns true when what it waited for is there. */
type Check = (session: Session) => boolean;

interface Waiter {
  queue: string;
  check: Check;
}

/** What came of telling those who wait. */
export interface Told {
  /** How many got what they waited for. */
  woken: number;
  /** What went wrong with one of them; the others were told all the same. */
  trouble?: unknown;
}

/** How often the file is looked at when nothing can be watched, and how long a change may be held back to be looked at together with others. */
const POLL_MS = 20;
const COALESCE_MS = 2;
/** Even a watch that works is backed by a look now and then. */
const SAFETY_POLL_MS = 1000;

/**
 * Who waits for what: workers for jobs, event readers for events. Those in this process are told at each commit;
 * commits of other processes are noticed by a watch on the file's write-ahead log (every commit writes to it), and
 * confirmed by `PRAGMA data_version`. Nothing is watched while nobody waits.
 */
export class Waiting {
  readonly #file: string;
  readonly #session: Session;
  readonly #look: () => void;
  readonly #waiters = new Set<Waiter>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param look called when another process may have committed. */
  constructor(file: string, session: Session, look: () => void) {
    this.#file = file;
    this.#session = session;
    this.#look = look;
  }

  /** Registers a waiter and returns the function that ends it. The check is not called here: look first, then wait. */
  add(queue: string, check: Check): () => void {
    const waiter = { queue, check };
    this.#waiters.add(waiter);
    timers.clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#watchFile();
    return () => {
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#rest();
    };
  }

  /** Tells those who wait for one of the queues that it has changed. */
  notify(changed: readonly QueueState[]): Told {
    if (this.#waiters.size === 0) return { woken: 0 };
    const names = new Set(changed.map(({ name }) => name));
    return this.#tell(waiter => names.has(waiter.queue));
  }

  /** The same for all who wait. */
  notifyAll(): Told {
    return this.#tell(() => true);
  }

  #tell(concerns: (waiter: Waiter) => boolean): Told {
    const told: Told = { woken: 0 };
    for (const waiter of this.#waiters) {
      try {
        if (!concerns(waiter) || !waiter.check(this.#session)) continue;
        this.#waiters.delete(waiter);
        told.woken += 1;
      } catch (error) {
        told.trouble ??= error;
      }
    }
    return told;
  }

  close(): void {
    this.#closed = true;
    this.#waiters.clear();
    timers.clearTimeout(this.#idle);
    this.#stopWatching();
  }

  /** Workers wait, work, and wait again: keeps watching a moment longer before it stops. */
  #rest(): void {
    if (this.#closed || this.#idle !== undefined) return;
    this.#idle = timers.setTimeout(() => {
      this.#idle = undefined;
      if (this.#waiters.size === 0) this.#stopWatching();
    }, SAFETY_POLL_MS);
    this.#idle.unref();
  }

  #stopWatching(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #watchFile(): void {
    if (this.#closed || this.#file === ':memory:') return;
    if (this.#watcher === undefined) {
      try {
        this.#watcher = watch(`${this.#file}-wal`, { persistent: false }, event => {
          // The log was deleted or replaced: watch the new one at the next look.
          if (event === 'rename') {
            this.#watcher?.close();
            this.#watcher = undefined;
          }
          this.#lookIn(COALESCE_MS, true);
        });
        this.#watcher.on('error', () => {
          this.#watcher?.close();
          this.#watcher = undefined;
        });
      } catch {
        // No log yet, or nothing to watch with: look regularly instead.
      }
    }
    this.#lookIn(this.#watcher === undefined ? POLL_MS : SAFETY_POLL_MS, false);
  }

  #soon = false;
  #lookIn(ms: number, soon: boolean): void {
    if (this.#closed) return;
    if (this.#timer !== undefined) {
      if (!soon || this.#soon) return;
      timers.clearTimeout(this.#timer);
    }
    this.#soon = soon;
    this.#timer = timers.setTimeout(() => {
      this.#timer = undefined;
      this.#soon = false;
      this.#look();
      if (this.#waiters.size > 0) this.#watchFile();
    }, ms);
    this.#timer.unref();
  }
}
