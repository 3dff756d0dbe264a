import type { IQueueBackend, StreamReadRaw } from 'bullmq';
import { classifyFailure, isAvailabilityFailure } from '../../../redis/index.ts';
import type { SqliteQueueBackend } from '../../sqlite/index.ts';
import type { Controller } from '../controller.ts';
import { type Cursors, type Entry, mergeEntries, parseCursors } from '../cursors.ts';
import { LATE } from '../deadline.ts';
import { isStandbyTrouble, unlessOut } from '../standby-watch.ts';
import type { PrimaryLink } from './primary-link.ts';

/** The standby's answer without waiting. */
const AT_ONCE = -1;
/** The shortest wait Redis knows, in ms. */
const ALMOST_AT_ONCE = 1;
/** Pause before a read that failed is tried again, in ms. */
const AGAIN_MS = 100;

/** A read under way, or one that has ended and whose answer nobody has taken. */
interface Read {
  cursor: string;
  backend: IQueueBackend;
  answer: Promise<StreamReadRaw>;
  isOver: boolean;
  /** Its entries, once it has ended with some. */
  found?: Entry[];
}

/**
 * Reads the events of both homes as one stream, in the order they happened. A read under way on one side while the other
 * answers is kept for the next call: given up, its events would be lost.
 */
export class EventsReader {
  readonly #controller: Controller;
  readonly #standby: SqliteQueueBackend;
  readonly #link: PrimaryLink;
  #atPrimary: Read | undefined;
  #atStandby: Read | undefined;
  /** Whether it reads from now on (`$`), and where that is on the primary as soon as it can be told. */
  #isFromNow: boolean;
  #start: string | undefined;
  #closed = false;

  /** @param listensFromNow it is a listener's, whose `$` is the moment it comes into being. */
  constructor(
    controller: Controller,
    standby: SqliteQueueBackend,
    link: PrimaryLink,
    listensFromNow: boolean,
  ) {
    this.#isFromNow = listensFromNow;
    this.#controller = controller;
    this.#standby = standby;
    this.#link = link;
  }

  /** Entries after `id`, waiting up to `blockTimeout` ms (0 = for ever) for the first; null without. */
  async read(id: string, blockTimeout: number): Promise<StreamReadRaw> {
    const cursors = parseCursors(id);
    await this.#settle(cursors);
    const entries = (await this.#look(cursors)) ?? (await this.#wait(cursors, blockTimeout));
    return entries === null ? null : [[this.#standby.toKey('events'), entries]];
  }

  /** What happens from here on is heard. */
  async waitUntilReady(): Promise<void> {
    if (!this.#isFromNow) return;
    await this.#controller.started;
    await this.settleStart();
  }

  /**
   * `$` as a cursor: what happens between two reads, or while the primary comes back, would be missed by reading from `$`
   * again. Called before anything goes to the primary again, too.
   */
  async settleStart(): Promise<void> {
    if (!this.#isFromNow || this.#start !== undefined) return;
    const { deadlines, maintenance, primaryMs } = this.#controller;
    const asked = (async () => maintenance.newestEvent(this.#standby.qualifiedName))().catch(() => undefined);
    const start = await deadlines.bound(asked, primaryMs);
    if (start !== LATE) this.#start ??= start;
  }

  /** What `$` stands for, as soon as it can be told. */
  async #settle(cursors: Cursors): Promise<void> {
    if (cursors.standby === '$') cursors.standby = await unlessOut(this.#standby.newestEvent(), '$');
    if (cursors.primary === '$') cursors.primary = await this.#startOnPrimary();
  }

  async #startOnPrimary(): Promise<string> {
    this.#isFromNow = true;
    if (this.#controller.usesPrimary) await this.settleStart();
    return this.#start ?? '$';
  }

  close(): void {
    this.#closed = true;
  }

  /** What is there already, if the standby has any; the primary alone needs no second read. */
  async #look(cursors: Cursors): Promise<Entry[] | undefined> {
    // A read that is still under way has found nothing so far.
    if (isUnderWay(this.#atStandby, cursors.standby)) return undefined;
    const standby = entriesOf(await unlessOut(this.#standby.readEvents(cursors.standby, AT_ONCE), null));
    if (standby.length === 0) return undefined;
    let primary: Entry[] = [];
    if (this.#controller.usesPrimary && !isUnderWay(this.#atPrimary, cursors.primary)) {
      const read = await this.#startAtPrimary(cursors.primary, ALMOST_AT_ONCE).catch(() => undefined);
      const { deadlines, options } = this.#controller;
      const answer = read?.answer.catch(() => null) ?? Promise.resolve(null);
      await deadlines.bound(answer, options.deadlineMs);
      primary = read?.found ?? [];
    }
    return mergeEntries(cursors, { primary, standby });
  }

  /** Waits on both sides for the first entries. A side ends with nothing only at the end of a wait of this call. */
  async #wait(cursors: Cursors, blockTimeout: number): Promise<Entry[] | null> {
    const begun = new Set<Read>();
    while (!this.#closed) {
      // A home may have come back in this wait.
      await this.#settle(cursors);
      const end = await this.#firstEnd(cursors, blockTimeout, begun);
      if (end === 'nothing') return null;
      if (end === 'again') continue;
      const [primary, standby] = [this.#atPrimary, this.#atStandby];
      return mergeEntries(cursors, {
        primary: (primary?.cursor === cursors.primary && primary.found) || [],
        standby: (standby?.cursor === cursors.standby && standby.found) || [],
      });
    }
    return null;
  }

  /** The first side that ends, unless it has found nothing and the other still waits. */
  async #firstEnd(cursors: Cursors, blockTimeout: number, begun: Set<Read>): Promise<End> {
    let forget = () => {};
    const first = new Promise<End>((resolve, reject) => {
      forget = this.#controller.onChange(() => resolve('again'));
      const sides = [this.#readStandby(cursors.standby, blockTimeout, begun)];
      if (this.#controller.usesPrimary) sides.push(this.#readPrimary(cursors.primary, blockTimeout, begun));
      let nothing = 0;
      for (const side of sides) {
        side.then(end => {
          if (end !== 'nothing' || ++nothing === sides.length) resolve(end);
        }, reject);
      }
    });
    return first.finally(forget);
  }

  async #readStandby(cursor: string, blockTimeout: number, begun: Set<Read>): Promise<End> {
    try {
      let read = this.#atStandby;
      if (read?.cursor !== cursor || isSpent(read)) {
        read = kept(cursor, this.#standby, this.#standby.readEvents(cursor, blockTimeout));
        this.#atStandby = read;
        begun.add(read);
      }
      await read.answer;
      if (read.found !== undefined) return 'found';
      return begun.has(read) ? 'nothing' : 'again';
    } catch (error) {
      this.#atStandby = undefined;
      if (!isStandbyTrouble(error)) throw error;
      await this.#controller.pause(AGAIN_MS);
      return 'again';
    }
  }

  async #readPrimary(cursor: string, blockTimeout: number, begun: Set<Read>): Promise<End> {
    try {
      let read = this.#atPrimary;
      if (read?.cursor !== cursor || read.backend !== this.#link.ready || isSpent(read)) {
        read = await this.#startAtPrimary(cursor, blockTimeout);
        begun.add(read);
      }
      await read.answer;
      if (read.found !== undefined) return 'found';
      return begun.has(read) ? 'nothing' : 'again';
    } catch (error) {
      this.#atPrimary = undefined;
      if (!isAvailabilityFailure(classifyFailure(error))) throw error;
      if (!this.#closed) this.#controller.connectionFailed(error);
      await this.#controller.pause(AGAIN_MS);
      return 'again';
    }
  }

  async #startAtPrimary(cursor: string, blockTimeout: number): Promise<Read> {
    const backend = this.#link.ready ?? (await this.#link.open());
    this.#atPrimary = kept(cursor, backend, backend.readEvents(cursor, blockTimeout));
    return this.#atPrimary;
  }
}

/** How one side's wait ended. */
type End = 'found' | 'nothing' | 'again';

function kept(cursor: string, backend: IQueueBackend, answer: Promise<StreamReadRaw>): Read {
  const read: Read = { cursor, backend, answer, isOver: false };
  read.answer = answer
    .then(raw => {
      const entries = entriesOf(raw);
      if (entries.length > 0) read.found = entries;
      return raw;
    })
    .finally(() => {
      read.isOver = true;
    });
  read.answer.catch(() => undefined);
  return read;
}

function isUnderWay(read: Read | undefined, cursor: string): boolean {
  return read?.cursor === cursor && !read.isOver;
}

/** It has ended with nothing. */
function isSpent(read: Read): boolean {
  return read.isOver && read.found === undefined;
}

function entriesOf(raw: StreamReadRaw): Entry[] {
  return raw?.[0]?.[1] ?? [];
}
