import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * What a process tried and what was acknowledged to it, on disk. One write(2) a line, appended: it survives
 * `kill -9` of the writer at any moment, and several processes may share a file. Ids hold no line break.
 */
export class AckLog {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o600);
  }

  /** Before the operation starts: from here on its effect may exist. */
  before(id: string): void {
    this.#append('?', id);
  }

  /** After it was acknowledged: from here on its effect must exist. */
  after(id: string): void {
    this.#append('!', id);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #append(mark: '?' | '!', id: string): void {
    if (id.includes('\n')) throw new RangeError(`an id is one line; got ${JSON.stringify(id)}`);
    writeSync(this.#fd, `${mark}${id}\n`);
  }
}

export interface Acks {
  /** In the order of writing, each as often as it was written. */
  attempted: string[];
  acknowledged: string[];
}

/** Reads the log of a process that may have died while writing its last line. */
export function readAckLog(path: string): Acks {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  // Behind the last line break is nothing, or the torn half of a line that was never finished.
  const lines = text.split('\n').slice(0, -1);
  const marked = (mark: string) => lines.filter(line => line.startsWith(mark)).map(line => line.slice(1));
  return { attempted: marked('?'), acknowledged: marked('!') };
}

export interface AckVerdict {
  /** Acknowledged, and not found: a broken promise. */
  lost: string[];
  /** Found more than once. */
  duplicated: string[];
  /** Found, and never attempted. */
  unexpected: string[];
  /** Attempted, never acknowledged, and found: allowed, the outcome was unknown. */
  unacknowledged: string[];
}

/** Compares what was promised with what is there (or was processed): `found` as often as it was seen. */
export function checkAcks({ attempted, acknowledged }: Acks, found: Iterable<string>): AckVerdict {
  const counts = new Map<string, number>();
  for (const id of found) counts.set(id, (counts.get(id) ?? 0) + 1);
  const tried = new Set([...attempted, ...acknowledged]);
  const promised = new Set(acknowledged);
  const ids = [...counts.keys()];
  return {
    lost: [...promised].filter(id => !counts.has(id)),
    duplicated: ids.filter(id => (counts.get(id) ?? 0) > 1),
    unexpected: ids.filter(id => !tried.has(id)),
    unacknowledged: ids.filter(id => tried.has(id) && !promised.has(id)),
  };
}
