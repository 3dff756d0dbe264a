import { randomUUID } from 'node:crypto';
import type { IQueueBackend, StreamReadRaw } from 'bullmq';
import { entriesAfter, parseCursor } from '../event-chunks.ts';
import { READ } from '../operation.ts';
import { DELAY_SCALE } from '../ops/place.ts';
import type { EventGroup, QueueState } from '../queue-state.ts';
import type { StoreHandle } from '../registry.ts';
import type { Session } from '../session.ts';
import { timers } from '../time.ts';
import { ClientRecord, listClients } from './clients.ts';
import type { BackendOptions } from './core.ts';
import { ReadingBackend } from './reading.ts';

/** Rows of events read at once; each holds up to 100. */
const READ_ROWS = 50;

interface Wait {
  /** Ends it without an answer. */
  interrupt: () => void;
}

/** How a backend came to its share of the file. */
export interface Ownership {
  handle: StoreHandle;
  /** Siblings made by `forQueue` share the file but don't hold it. */
  owner: boolean;
}

/**
 * BullMQ's IQueueBackend on one SQLite file. All backends of a process that name the same file share one connection
 * and one group commit (see Store).
 */
export class SqliteQueueBackend extends ReadingBackend implements IQueueBackend {
  closing: Promise<void> | undefined;
  readonly #ownership: Ownership;
  readonly #waits = new Set<Wait>();
  readonly #client: ClientRecord | undefined;
  readonly #onTrouble: (error: Error) => void;
  #blockingDisconnected = false;
  #disconnected = false;
  /** Due time of the delayed job that was announced last; like Redis' marker, one is announced once. */
  #announced: number | null = null;
  /** Where '$' stood when this reader began, so that no event is missed between two reads. */
  #newest: Promise<readonly [ms: number, seq: number]> | undefined;

  constructor(
    ownership: Ownership,
    queueName: string,
    options: BackendOptions,
    role: 'worker' | 'reader' | 'plain',
  ) {
    super(ownership.handle.store, queueName, options);
    this.#ownership = ownership;
    this.#onTrouble = error => this.emit('error', error);
    if (!ownership.owner) return;
    this.store.on('unavailable', this.#onTrouble);
    this.store.on('broken', this.#onTrouble);
    if (role === 'worker') {
      this.#client = new ClientRecord(this.store, randomUUID());
      void this.#client.name(this.clientName(options.name ? `:w:${options.name}` : ''));
    } else if (role === 'reader') {
      this.#client = new ClientRecord(this.store, randomUUID());
    }
    timers.setImmediate(() => this.#announceStart());
  }

  protected get isClosed(): boolean {
    return this.#ownership.owner && this.#disconnected;
  }

  #announceStart(): void {
    if (this.closing !== undefined) return;
    for (const warning of this.store.takeWarnings()) this.emit('error', warning);
    this.emit('ready');
  }

  async waitUntilReady(): Promise<void> {
    if (this.isClosed) return;
    await this.#client?.registered;
    await this.#newest?.catch(() => undefined);
  }

  close(_force = false): Promise<void> {
    if (!this.#ownership.owner) return Promise.resolve();
    this.closing ??= this.#close();
    return this.closing;
  }

  async #close(): Promise<void> {
    this.#interruptWaits();
    await this.#client?.end();
    this.#disconnected = true;
    this.store.off('unavailable', this.#onTrouble);
    this.store.off('broken', this.#onTrouble);
    await this.#ownership.handle.release();
  }

  /** As with a connection to Redis: what waits is interrupted, what is asked afterwards refused. `close` lets go of the file. */
  async disconnect(): Promise<void> {
    if (!this.#ownership.owner || this.#disconnected) return;
    this.#disconnected = true;
    this.#interruptWaits();
    // Not at once: QueueEvents disconnects while it closes, and only then notes that it is closing.
    await null;
    this.emit('close');
  }

  /** A reader names itself when it begins to read, in its constructor or later: that is where '$' stands. */
  async setName(name: string): Promise<void> {
    this.#fromNow().catch(() => undefined);
    await this.#client?.name(name);
  }

  forQueue(queueName: string, prefix?: string): SqliteQueueBackend {
    const options = { ...this.options, prefix: prefix ?? this.prefix };
    return new SqliteQueueBackend(
      { handle: this.#ownership.handle, owner: false },
      queueName,
      options,
      'plain',
    );
  }

  /** In the format of Redis' CLIENT LIST, which BullMQ parses; `addr` holds the process id. */
  async getClientList(): Promise<string[]> {
    return [await this.store.run(READ, session => listClients(session))];
  }

  /**
   * Waits until a job may be claimed or `blockTimeout` seconds have passed: `{member: '0', score: 0}` now,
   * `{member: '1', score}` when the next delayed job is due then (ms since 1970; told once for each due time), null on
   * timeout or interrupt.
   */
  async waitForJob(blockTimeout: number): Promise<{ member: string; score: number } | null> {
    if (this.#blockingDisconnected || this.closing !== undefined) return null;
    let due: number | null = null;
    const found = await this.#wait(blockTimeout * 1000, (session, queue) => {
      if (session.isClaimable(queue)) return { member: '0', score: 0 };
      due = session.nextDelayed(queue);
      if (due === null || due === this.#announced) return undefined;
      return { member: '1', score: Math.floor(due / DELAY_SCALE) };
    });
    if (found?.member === '1') this.#announced = due;
    return found;
  }

  async disconnectBlocking(_wait?: boolean): Promise<void> {
    this.#blockingDisconnected = true;
    this.#interruptWaits();
  }

  async reconnectBlocking(): Promise<void> {
    this.#blockingDisconnected = false;
  }

  /**
   * Events after the cursor `id` ('$' = from now on), waiting up to `blockTimeout` ms for the first (0 = for ever; less
   * than 0, which is ours, = not at all).
   */
  async readEvents(id: string, blockTimeout: number): Promise<StreamReadRaw> {
    if (this.#blockingDisconnected || this.closing !== undefined) return null;
    const after = id === '$' ? await this.#fromNow() : parseCursor(id);
    if (after === undefined) throw new Error(`Invalid event cursor: ${id}`);
    const [ms, seq] = after;
    return this.#wait(blockTimeout, (session, queue) => {
      if (queue.eventMs < ms || (queue.eventMs === ms && queue.eventSeq <= seq)) return undefined;
      const rows = session.queues.readEvents(queue.num, ms, seq, READ_ROWS);
      const entries = entriesAfter(
        rows.flatMap(body => JSON.parse(body) as EventGroup[]),
        ms,
        seq,
      );
      // The newest events stand in the queue's own row; further rows come with the next read. That row was read earlier:
      // if another process has moved its events to rows since, they are among the entries already.
      const last = parseCursor(entries.at(-1)?.[0] ?? '') ?? after;
      if (rows.length < READ_ROWS) entries.push(...entriesAfter(queue.tail, ...last));
      return entries.length === 0 ? undefined : [[this.toKey('events'), entries]];
    });
  }

  /**
   * What '$' stands for in this reader.
   *
   * @internal
   */
  async newestEvent(): Promise<string> {
    return (await this.#fromNow()).join('-');
  }

  async #fromNow(): Promise<readonly [ms: number, seq: number]> {
    this.#newest ??= this.read((_, queue) => [queue.eventMs, queue.eventSeq] as const);
    try {
      return await this.#newest;
    } catch (error) {
      this.#newest = undefined;
      throw error;
    }
  }

  async publishEvent(fields: Record<string, string | number>, maxEvents: number): Promise<string> {
    return this.write((session, queue) => {
      queue.events.push(Object.entries(fields).flatMap(([field, value]) => [field, String(value)]));
      session.flushEvents(queue);
      queue.dirty = true;
      if (queue.eventCount > maxEvents + 100) session.trimEvents(queue, maxEvents);
      return `${queue.eventMs}-${queue.eventSeq}`;
    });
  }

  async trimEvents(maxLength: number): Promise<number> {
    return this.write((session, queue) => {
      session.flushEvents(queue);
      return session.trimEvents(queue, maxLength);
    });
  }

  /** Looks, and if there is nothing waits for changes of the queue until there is something, the time is up or it is interrupted. */
  #wait<T>(
    timeoutMs: number,
    look: (session: Session, queue: QueueState) => T | undefined,
  ): Promise<T | null> {
    return new Promise<T | null>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let leave: (() => void) | undefined;
      let settled = false;
      const settle = (value: T | null) => {
        if (settled) return;
        settled = true;
        timers.clearTimeout(timer);
        leave?.();
        this.#waits.delete(wait);
        resolve(value);
      };
      const check = (session: Session): boolean => {
        const found = look(session, session.queue(this.qualifiedName));
        if (found === undefined) return false;
        settle(found);
        return true;
      };
      const wait: Wait = { interrupt: () => settle(null) };
      this.#waits.add(wait);
      // It looks again if the batch it looked in is undone: what it found then was not true, and it waits only once.
      this.read((session, queue) => {
        timers.clearTimeout(timer);
        leave?.();
        if (settled) return undefined;
        const found = look(session, queue);
        if (found !== undefined || timeoutMs < 0) return found ?? null;
        leave = this.store.waiting.add(this.qualifiedName, check);
        if (timeoutMs > 0) timer = timers.setTimeout(() => settle(null), timeoutMs);
        return undefined;
      }).then(
        found => {
          if (found !== undefined) settle(found);
        },
        error => {
          timers.clearTimeout(timer);
          // Who waits asks again at once: an answer that comes at its time keeps it from asking in a loop.
          if (timeoutMs > 0 && this.closing === undefined)
            timer = timers.setTimeout(() => settle(null), timeoutMs);
          else {
            reject(error);
            settle(null);
          }
        },
      );
    });
  }

  #interruptWaits(): void {
    for (const wait of [...this.#waits]) wait.interrupt();
  }
}
