import type { IQueueBackend, StreamReadRaw } from 'bullmq';
import type { SqliteQueueBackend } from '../../sqlite/index.ts';
import type { Controller } from '../controller.ts';
import { formatCursors, parseCursors } from '../cursors.ts';
import type { PrimaryLink } from './primary-link.ts';

type Side = 'primary' | 'standby';
interface Read {
  cursor: string;
  answer: Promise<{ side: Side; read: StreamReadRaw }>;
}

/**
 * Reads the events of both homes as one stream. A read under way on one side while the other answers is kept for the next
 * call: given up, its events would be lost.
 */
export class EventsReader {
  readonly #controller: Controller;
  readonly #standby: SqliteQueueBackend;
  readonly #link: PrimaryLink;
  #atPrimary: (Read & { backend: IQueueBackend }) | undefined;
  #atStandby: Read | undefined;
  #closed = false;

  constructor(controller: Controller, standby: SqliteQueueBackend, link: PrimaryLink) {
    this.#controller = controller;
    this.#standby = standby;
    this.#link = link;
  }

  /** Entries after `id` of whichever side has any first; null after `blockTimeout` ms without (0 = for ever). */
  async read(id: string, blockTimeout: number): Promise<StreamReadRaw> {
    const cursors = parseCursors(id);
    const first = await Promise.race([
      this.#readPrimary(cursors.primary, blockTimeout),
      this.#readStandby(cursors.standby, blockTimeout),
      this.#controller.nextChange(),
    ]);
    if (first === undefined || this.#closed) return null;
    if (first.side === 'primary') this.#atPrimary = undefined;
    else this.#atStandby = undefined;
    const [stream] = first.read ?? [];
    if (stream === undefined) return null;
    const [key, entries] = stream;
    const marked = entries.map(([cursor, fields]): [string, string[]] => {
      cursors[first.side] = cursor;
      return [formatCursors(cursors), fields];
    });
    return [[key, marked]];
  }

  /** Never settles while the primary is away: the other side decides then. */
  async #readPrimary(cursor: string, blockTimeout: number): Read['answer'] {
    if (!this.#controller.usesPrimary) return never();
    try {
      const backend = this.#link.ready ?? (await this.#link.open());
      let read = this.#atPrimary;
      if (read?.cursor !== cursor || read.backend !== backend) {
        const answer = backend
          .readEvents(cursor, blockTimeout)
          .then(read => ({ side: 'primary' as const, read }));
        answer.catch(() => undefined);
        read = { cursor, backend, answer };
        this.#atPrimary = read;
      }
      return await read.answer;
    } catch (error) {
      this.#atPrimary = undefined;
      if (!this.#closed) this.#controller.connectionFailed(error);
      return never();
    }
  }

  #readStandby(cursor: string, blockTimeout: number): Read['answer'] {
    const known = this.#atStandby;
    if (known?.cursor === cursor) return known.answer;
    const answer = this.#standby
      .readEvents(cursor, blockTimeout)
      .then(read => ({ side: 'standby' as const, read }));
    answer.catch(() => undefined);
    this.#atStandby = { cursor, answer };
    return answer;
  }

  close(): void {
    this.#closed = true;
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
