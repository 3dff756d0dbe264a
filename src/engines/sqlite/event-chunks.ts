import type { EventGroup, QueueState } from './queue-state.ts';

/*
 * Events are written with the change they tell of, whether someone reads them or not, so they must cost little: those of
 * one commit form a group, the newest few groups stand in the queue's own row (which the commit writes anyway), and move
 * together to a row of table `event` when they are more than a few. An event's cursor is `<ms>-<seq>`, as in Redis.
 */

/** More events than this move from the queue's row to table `event`. */
export const TAIL_LIMIT = 16;
/** Events in one row of table `event`, as in a node of a Redis stream. */
const EVENTS_PER_ROW = 100;

export interface EventRow {
  /** Cursor of the row's first event. */
  ms: number;
  seq: number;
  n: number;
  /** JSON of EventGroup[]. */
  body: string;
}

/** Gives a commit's events their cursors. Cursors never go back, even if the clock does. */
export function groupEvents(queue: QueueState, events: string[][], now: number): EventGroup {
  const ms = Math.trunc(now);
  if (ms > queue.eventMs) {
    queue.eventMs = ms;
    queue.eventSeq = -1;
  }
  const group: EventGroup = [queue.eventMs, queue.eventSeq + 1, events];
  queue.eventSeq += events.length;
  return group;
}

export function tailLength(tail: readonly EventGroup[]): number {
  return tail.reduce((n, group) => n + group[2].length, 0);
}

/** Packs groups into rows. */
export function rowsOf(groups: readonly EventGroup[]): EventRow[] {
  const rows: EventRow[] = [];
  let packed: EventGroup[] = [];
  let n = 0;
  const close = () => {
    const first = packed[0];
    if (first !== undefined) rows.push({ ms: first[0], seq: first[1], n, body: JSON.stringify(packed) });
    packed = [];
    n = 0;
  };
  for (const [ms, seq, events] of groups) {
    for (let from = 0; from < events.length; ) {
      const part = events.slice(from, from + EVENTS_PER_ROW - n);
      packed.push([ms, seq + from, part]);
      n += part.length;
      from += part.length;
      if (n === EVENTS_PER_ROW) close();
    }
  }
  close();
  return rows;
}

/** Turns groups into `[cursor, fields]`, leaving out events up to (ms, seq). */
export function entriesAfter(
  groups: readonly EventGroup[],
  afterMs: number,
  afterSeq: number,
): [id: string, fields: string[]][] {
  const entries: [string, string[]][] = [];
  for (const [ms, first, events] of groups) {
    if (ms < afterMs) continue;
    events.forEach((fields, index) => {
      const seq = first + index;
      if (ms > afterMs || seq > afterSeq) entries.push([`${ms}-${seq}`, fields]);
    });
  }
  return entries;
}

/**
 * Reads a cursor as Redis does: `<ms>-<seq>`, or `<ms>` for the millisecond's first.
 * @returns undefined when it is neither.
 */
export function parseCursor(cursor: string): readonly [ms: number, seq: number] | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(cursor);
  if (match === null) return undefined;
  return [Number(match[1]), match[2] === undefined ? 0 : Number(match[2])];
}
