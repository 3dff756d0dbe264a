import { randomUUID } from 'node:crypto';
import type { Change } from './changes.ts';
import { type Foreign, JournalFile } from './file.ts';

/** More changes than this of a process are too many to repeat one by one. */
const MOST_CHANGES = 10_000;
/** How often a file that can't be written now is tried again. */
const RETRY_MS = 250;

export interface JournalOptions {
  /** Undefined: in memory only. */
  path: string | undefined;
  /** Which Redis the changes are for, in words without secrets. */
  redis: string;
  /** So many changes at most. Default 10000. */
  mostChanges?: number;
  /** The changes of the namespace with this base are too many, and count as a change of all of it. */
  overflow(base: string): void;
  /** The file can't be used, or can again (undefined). */
  trouble(error: unknown): void;
}

/**
 * What was changed while Redis could not be told: the newest change of each name, in memory and, given a path, in a file that
 * the processes of the machine share, so that whoever comes first brings Redis up to date, also for those that are gone.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #changes = new Map<string, Change>();
  readonly #writer = randomUUID();
  /** Names that other processes recorded a change of. */
  readonly #foreign = new Set<string>();
  /** Recorded, and not in the file yet. */
  #unwritten = new Map<string, Change>();
  #written: Promise<void> | undefined;
  #file: JournalFile | undefined;
  #retry: NodeJS.Timeout | undefined;
  #troubled = false;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Changes that wait, of this process. */
  get size(): number {
    return this.#changes.size;
  }

  /** Resolves when it is as safe as it will be: in the file, or, where that is not possible, in memory. */
  record(change: Change): Promise<void> {
    const known = this.#changes.get(change.name);
    if (known !== undefined && known.version >= change.version) return Promise.resolve();
    const most = this.#options.mostChanges ?? MOST_CHANGES;
    if (known === undefined && this.#changes.size >= most) return this.#collapse(change);
    this.#changes.set(change.name, change);
    return this.#write(change);
  }

  /** Redis does not know the newest of this name yet, as far as this process knows. */
  has(name: string): boolean {
    return this.#changes.has(name) || this.#foreign.has(name);
  }

  /** The newest change of this name by any process of the machine. */
  find(name: string): Change | undefined {
    const own = this.#changes.get(name);
    const shared = this.#try(file => file.find(name));
    return own === undefined || (shared !== undefined && shared.version > own.version) ? shared : own;
  }

  /** All changes that wait, those of other processes included. */
  all(): Change[] {
    const all = new Map(this.#changes);
    for (const change of this.#try(file => file.all()) ?? []) {
      const own = all.get(change.name);
      if (own === undefined || own.version < change.version) all.set(change.name, change);
    }
    return [...all.values()];
  }

  /** Redis knows these now, or something newer. */
  done(changes: readonly Change[]): void {
    for (const { name, version } of changes) {
      if ((this.#changes.get(name)?.version ?? Number.POSITIVE_INFINITY) <= version)
        this.#changes.delete(name);
      if ((this.#unwritten.get(name)?.version ?? Number.POSITIVE_INFINITY) <= version)
        this.#unwritten.delete(name);
    }
    this.#try(file => file.done(changes));
  }

  /** What other processes of the machine recorded since the last call, and Redis may not know yet. */
  news(): Foreign[] {
    const news = this.#try(file => file.news()) ?? [];
    for (const { name } of news) this.#foreign.add(name);
    return news;
  }

  /** Redis knows all that any process of the machine recorded. */
  allDone(): void {
    this.#foreign.clear();
  }

  close(): void {
    if (this.#unwritten.size > 0) this.#flush();
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#file?.close();
    this.#file = undefined;
  }

  /** Too many: the namespace as a whole counts as changed. */
  #collapse({ base, version }: Change): Promise<void> {
    for (const known of [...this.#changes.values()]) {
      if (known.base === base) this.#changes.delete(known.name);
      if (known.base === base) this.#unwritten.delete(known.name);
    }
    const whole = { kind: 'tag', name: `${base}t:=`, base, version } as const;
    this.#changes.set(whole.name, whole);
    this.#try(file => file.collapse(whole), 'make it');
    this.#options.overflow(base);
    return Promise.resolve();
  }

  /** All that is recorded in a turn of the event loop goes into one transaction. */
  #write(change: Change): Promise<void> {
    if (this.#options.path === undefined || this.#closed) return Promise.resolve();
    this.#unwritten.set(change.name, change);
    this.#written ??= new Promise(resolve => {
      setImmediate(() => {
        this.#written = undefined;
        this.#flush();
        resolve();
      });
    });
    return this.#written;
  }

  #flush(): void {
    const changes = this.#unwritten;
    if (changes.size === 0 || this.#closed) return;
    this.#unwritten = new Map();
    const done = this.#try(file => {
      file.record(changes.values());
      return true;
    }, 'make it');
    if (done) return;
    for (const [name, change] of changes) if (!this.#unwritten.has(name)) this.#unwritten.set(name, change);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#flush(), RETRY_MS).unref();
  }

  /** What the file says; undefined when there is none, or it can't be used now. */
  #try<T>(use: (file: JournalFile) => T, missing: 'make it' | 'leave it' = 'leave it'): T | undefined {
    const { path, redis, trouble } = this.#options;
    if (path === undefined || this.#closed) return undefined;
    if (this.#file === undefined && missing === 'leave it' && !JournalFile.exists(path)) return undefined;
    try {
      this.#file ??= new JournalFile(path, redis, this.#writer);
      const result = use(this.#file);
      if (this.#troubled) trouble(undefined);
      this.#troubled = false;
      return result;
    } catch (error) {
      if (!this.#troubled) trouble(error);
      this.#troubled = true;
      return undefined;
    }
  }
}
