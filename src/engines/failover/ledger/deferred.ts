import type { Prepared, Row } from '../../sqlite/index.ts';
import type { Tally } from './tally.ts';
import type { Json, Prepare } from './types.ts';

/** Adds of children whose parent lives on the primary: its first argument is a list of AddEntry. */
export const KEPT_ADD = 'add';

/** Operations after which a worker is done with a job: a stored one is the job's receipt. */
const FINISHING = "('completed', 'failed', 'delayed', 'retry', 'waiting')";

/*
 * Operations on jobs that live on the primary while it is away, in the order they were called. A number is never given
 * twice (AUTOINCREMENT): who settles an old one late must not hit a new operation.
 */
export const deferredSchema = `
CREATE TABLE IF NOT EXISTS failover_deferred (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  job TEXT,
  op TEXT NOT NULL,
  args TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS failover_receipt ON failover_deferred (queue, job) WHERE op IN ${FINISHING};
`;

/** An operation to be applied on the primary when it is back. */
export interface DeferredOperation {
  /** Qualified name, `<prefix>:<queue>`. */
  queue: string;
  /** The job it is about; null = the queue as a whole. */
  job: string | null;
  /** 'completed', 'failed', 'delayed', 'retry' and 'waiting' end a worker's run of the job; other names are free. */
  op: string;
  args: Json;
}

/** One as it was stored. */
export interface StoredOperation extends DeferredOperation {
  seq: number;
  /** When it was called, ms since 1970. */
  at: number;
}

const FINISHING_OPS = new Set(['completed', 'failed', 'delayed', 'retry', 'waiting']);

export function isFinishing(op: string): boolean {
  return FINISHING_OPS.has(op);
}

export class Deferred {
  readonly #tally: Tally;
  readonly #insert: Prepared;
  readonly #page: Prepared;
  readonly #drop: Prepared;
  readonly #dropQueue: Prepared;
  readonly #receipt: Prepared;
  readonly #child: Prepared;

  constructor(prepare: Prepare, tally: Tally) {
    this.#tally = tally;
    this.#insert = prepare(
      'INSERT INTO failover_deferred (queue, job, op, args, at) VALUES (?, ?, ?, ?, ?) RETURNING seq',
    );
    const columns = 'SELECT seq, queue, job, op, args, at FROM failover_deferred';
    this.#page = prepare(`${columns} WHERE seq > ? ORDER BY seq LIMIT ?`);
    this.#drop = prepare('DELETE FROM failover_deferred WHERE seq = ?');
    this.#dropQueue = prepare('DELETE FROM failover_deferred WHERE queue = ? AND job IS NULL');
    // The first stands: on the primary, too, a job that is done with is not in work for a second report.
    this.#receipt = prepare(
      `${columns} WHERE queue = ? AND job = ? AND op IN ${FINISHING} ORDER BY seq LIMIT 1`,
    );
    // Few are kept at any time, so that all of them are looked at.
    this.#child = prepare(`SELECT 1 FROM failover_deferred, json_each(args, '$[0]') AS entry
      WHERE op = '${KEPT_ADD}' AND entry.value ->> '$.parentKeyOpts.parentKey' = ? LIMIT 1`);
  }

  /** Whether it holds an add of a child of the parent with this key. */
  hasChildOf(parentKey: string): boolean {
    return this.#child.get(parentKey) !== undefined;
  }

  add({ queue, job, op, args }: DeferredOperation, at: number): number {
    this.#tally.book('deferred', 1);
    return Number(this.#insert.get(queue, job, op, JSON.stringify(args), at)?.[0]);
  }

  page(afterSeq: number, limit: number): StoredOperation[] {
    return this.#page.all(afterSeq, limit).map(readOperation);
  }

  drop(seqs: readonly number[]): number {
    return this.#tally.book('deferred', -seqs.reduce((dropped, seq) => dropped + this.#drop.run(seq), 0));
  }

  dropOf(queue: string): number {
    return this.#tally.book('deferred', -this.#dropQueue.run(queue));
  }

  receipt(queue: string, job: string): StoredOperation | undefined {
    const row = this.#receipt.get(queue, job);
    return row && readOperation(row);
  }
}

function readOperation([seq, queue, job, op, args, at]: Row): StoredOperation {
  return {
    seq: Number(seq),
    queue: String(queue),
    job: job === null ? null : String(job),
    op: String(op),
    args: JSON.parse(String(args)) as Json,
    at: Number(at),
  };
}
