import type { Prepared, Row } from '../../sqlite/index.ts';
import type { Tally } from './tally.ts';
import type { JobRef, Json, Prepare } from './types.ts';

/*
 * Jobs whose adding on the primary timed out: it may or may not be there. A copy of the same id is on the standby; what
 * became of that copy decides, on return, which of the two is removed.
 */
export const unknownSchema = `
CREATE TABLE IF NOT EXISTS failover_unknown (
  queue TEXT NOT NULL,
  job TEXT NOT NULL,
  at REAL NOT NULL,
  outcome TEXT CHECK (outcome IN ('completed', 'failed')),
  value TEXT,
  PRIMARY KEY (queue, job),
  CHECK ((outcome IS NULL) = (value IS NULL))
) STRICT, WITHOUT ROWID;
`;

/** How the copy on the standby has finished. */
export interface Outcome {
  outcome: 'completed' | 'failed';
  /** What the handler returned, or the reason of the failure. */
  value: Json;
}

export interface UnknownJob extends JobRef {
  /** When the call timed out, ms since 1970. */
  at: number;
  done: Outcome | undefined;
}

export class Unknown {
  readonly #tally: Tally;
  readonly #insert: Prepared;
  readonly #done: Prepared;
  readonly #get: Prepared;
  readonly #page: Prepared;
  readonly #drop: Prepared;

  constructor(prepare: Prepare, tally: Tally) {
    this.#tally = tally;
    this.#insert = prepare(
      'INSERT INTO failover_unknown (queue, job, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#done = prepare(
      'UPDATE failover_unknown SET outcome = ?, value = ? WHERE queue = ? AND job = ? AND outcome IS NULL',
    );
    const columns = 'SELECT queue, job, at, outcome, value FROM failover_unknown';
    this.#get = prepare(`${columns} WHERE queue = ? AND job = ?`);
    this.#page = prepare(`${columns} WHERE (queue, job) > (?, ?) ORDER BY queue, job LIMIT ?`);
    this.#drop = prepare('DELETE FROM failover_unknown WHERE queue = ? AND job = ?');
  }

  mark({ queue, job }: JobRef, at: number): void {
    this.#tally.book('unknown', this.#insert.run(queue, job, at));
  }

  done({ queue, job }: JobRef, { outcome, value }: Outcome): boolean {
    return this.#done.run(outcome, JSON.stringify(value), queue, job) === 1;
  }

  get({ queue, job }: JobRef): UnknownJob | undefined {
    const row = this.#get.get(queue, job);
    return row && readUnknown(row);
  }

  page(after: JobRef | undefined, limit: number): UnknownJob[] {
    return this.#page.all(after?.queue ?? '', after?.job ?? '', limit).map(readUnknown);
  }

  drop(jobs: readonly JobRef[]): number {
    const dropped = jobs.reduce((sum, { queue, job }) => sum + this.#drop.run(queue, job), 0);
    return this.#tally.book('unknown', -dropped);
  }
}

function readUnknown([queue, job, at, outcome, value]: Row): UnknownJob {
  const done =
    outcome === null
      ? undefined
      : { outcome: outcome as Outcome['outcome'], value: JSON.parse(String(value)) as Json };
  return { queue: String(queue), job: String(job), at: Number(at), done };
}
