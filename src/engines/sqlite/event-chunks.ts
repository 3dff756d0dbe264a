import type { QueueState } from './queue-state.ts';

/*
 * Events of one batch share a row, at most EVENTS_PER_CHUNK of them, like the nodes of a Redis stream: writing them
 * costs one insert a batch, whether someone reads them or not. An event's cursor is `<ms>-<seq>`, as in Redis.
 */
const EVENTS_PER_CHUNK = 100;

export interface Chunk {
  ms: number;
  /** Sequence number, within the millisecond, of the first event in the chunk. */
  seq: number;
  n: number;
  body: string;
}

/** Cuts a batch's events into chunks and moves the queue's newest cursor on; cursors never go back, even if the clock does. */
export function encodeEvents(queue: QueueState, events: readonly string[][], now: number): Chunk[] {
  let seq = queue.eventSeq + 1;
  let ms = queue.eventMs;
  if (now > ms) {
    ms = Math.trunc(now);
    seq = 0;
  }
  const chunks: Chunk[] = [];
  for (let from = 0; from < events.length; from += EVENTS_PER_CHUNK) {
    const part = events.length <= EVENTS_PER_CHUNK ? events : events.slice(from, from + EVENTS_PER_CHUNK);
    chunks.push({ ms, seq, n: part.length, body: JSON.stringify(part) });
    seq += part.length;
  }
  queue.eventMs = ms;
  queue.eventSeq = seq - 1;
  return chunks;
}

/** Turns stored chunks into `[cursor, fields]`, leaving out events up to (ms, seq). */
export function decodeEvents(
  chunks: readonly { ms: number; seq: number; body: string }[],
  afterMs: number,
  afterSeq: number,
): [id: string, fields: string[]][] {
  const entries: [string, string[]][] = [];
  for (const chunk of chunks) {
    const events = JSON.parse(chunk.body) as string[][];
    events.forEach((fields, index) => {
      const seq = chunk.seq + index;
      if (chunk.ms > afterMs || seq > afterSeq) entries.push([`${chunk.ms}-${seq}`, fields]);
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
