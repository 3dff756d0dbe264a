import type { DatabaseSync } from 'node:sqlite';
import { groupEvents, rowsOf, TAIL_LIMIT, tailLength } from './event-chunks.ts';
import { count, newQueueState, type QueueState, queueColumns, readQueueState } from './queue-state.ts';
import { State } from './schema.ts';
import { FlowSql } from './sql/flows.ts';
import { JobSql } from './sql/jobs.ts';
import { type Prepared, prepare } from './sql/prepare.ts';
import { QueueSql } from './sql/queues.ts';
import { callerNow, monotonicMs } from './time.ts';

/** Rows of events looked at at a time when the oldest are dropped: mostly about ten go. */
const TRIM_ROWS = 16;

/** What finishing a plain job (no parent, no children, no de-duplication) needs to know of it. */
export interface Claim {
  row: number;
  attemptsMade: number;
  hasPayload: boolean;
}

/**
 * One process's view of one file inside its transactions: the statements, and what it remembers between batches.
 * Operations (ops/*.ts) are functions on a Session; they run inside a transaction that the Store opens and commits.
 */
export class Session {
  readonly jobs: JobSql;
  readonly queues: QueueSql;
  readonly flows: FlowSql;
  /** How many claims the running batch still holds, so that they can be read ahead together. */
  claimsAhead = 1;
  /** Up to which de-duplication key of a queue this process has looked for those that are over; '' from the first. */
  readonly sweptDedups = new Map<number, string>();
  readonly #dataVersion: Prepared;
  readonly #states = new Map<string, QueueState>();
  readonly #claims = new Map<string, Claim>();
  #knownVersion = -1;
  #commits: number | undefined;
  #touched = new Set<QueueState>();
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.jobs = new JobSql(db);
    this.queues = new QueueSql(db);
    this.flows = new FlowSql(db);
    this.#dataVersion = prepare(db, 'PRAGMA data_version');
  }

  /** Makes the tables of a companion where they are missing and prepares its statements; see companion.ts. */
  install<S>(schema: string, statements: (prepare: (sql: string) => Prepared) => S): S {
    this.#db.exec(schema);
    return statements(sql => prepare(this.#db, sql));
  }

  /** The caller's time of day, whole milliseconds since 1970. */
  now(): number {
    return callerNow();
  }

  /** The machine's monotonic clock in milliseconds. */
  monotonic(): number {
    return monotonicMs();
  }

  /** Forgets what it remembers if another process has committed; tells whether one had. */
  refresh(): boolean {
    const version = Number(this.#dataVersion.get()?.[0]);
    if (version === this.#knownVersion) return false;
    this.#knownVersion = version;
    this.forget();
    return true;
  }

  /** Forgets everything: after a rollback, or a foreign commit. */
  forget(): void {
    this.#commits = undefined;
    this.jobs.forget();
    this.#states.clear();
    this.#claims.clear();
    this.#touched.clear();
  }

  /** Forgets what it remembers of single jobs. Called before any operation that isn't known to leave those alone. */
  forgetJobs(): void {
    if (this.#claims.size > 0) this.#claims.clear();
    for (const state of this.#states.values()) if (state.readAhead.length > 0) state.readAhead = [];
  }

  /** A queue's state, which may not exist in the file yet (num 0, everything empty). */
  queue(name: string): QueueState {
    let state = this.#states.get(name);
    if (state === undefined) {
      const row = this.queues.load(name);
      state = row === undefined ? newQueueState(name) : readQueueState(name, row);
      this.#states.set(name, state);
    }
    return state;
  }

  /** A queue's state for an operation that writes: makes the queue's row if there is none, and saves it with the batch. */
  writable(name: string): QueueState {
    const state = this.queue(name);
    if (state.num === 0) state.num = this.queues.create(name);
    this.#touched.add(state);
    return state;
  }

  meta(queue: QueueState): Map<string, string> {
    if (!queue.metaLoaded) {
      queue.meta = new Map(this.queues.meta(queue.num).map(row => [String(row[0]), String(row[1])]));
      queue.metaLoaded = true;
    }
    return queue.meta;
  }

  /** Appends an event to the queue's stream: `event`, its name, then field, value, field, value… */
  emit(queue: QueueState, ...fields: string[]): void {
    queue.events.push(['event', ...fields]);
    queue.dirty = true;
  }

  rememberClaim(queue: QueueState, id: string, claim: Claim): void {
    this.#claims.set(`${queue.num}:${id}`, claim);
  }

  takeClaim(queue: QueueState, id: string): Claim | undefined {
    const key = `${queue.num}:${id}`;
    const claim = this.#claims.get(key);
    if (claim !== undefined) this.#claims.delete(key);
    return claim;
  }

  /** Writes what the batch changed of its queues; returns them, for those who wait. */
  flush(): QueueState[] {
    this.jobs.held.write();
    const changed: QueueState[] = [];
    for (const queue of this.#touched) {
      if (!queue.dirty) continue;
      this.flushEvents(queue);
      for (const [kind, metric] of queue.metrics) {
        if (!metric.dirty) continue;
        this.queues.setMetric(
          queue.num,
          kind,
          metric.count,
          metric.prevTs,
          metric.prevCount,
          JSON.stringify(metric.points),
        );
        metric.dirty = false;
      }
      this.queues.save(queue.num, queueColumns(queue), queue.tailJson);
      queue.dirty = false;
      changed.push(queue);
    }
    this.#touched.clear();
    return changed;
  }

  /** Writes the queue's events of the batch so far; from then on they have their cursors. */
  flushEvents(queue: QueueState): void {
    if (queue.events.length === 0) return;
    const events = queue.events;
    queue.events = [];
    const maxLength = Number(this.meta(queue).get('opts.maxLenEvents') ?? 10_000);
    queue.tail.push(groupEvents(queue, events, this.now()));
    if (tailLength(queue.tail) > TAIL_LIMIT) {
      for (const row of rowsOf(queue.tail))
        this.queues.addEvents(queue.num, row.ms, row.seq, row.n, row.body);
      queue.tail = [];
    }
    queue.tailJson = JSON.stringify(queue.tail);
    queue.eventCount += events.length;
    // Like Redis' `MAXLEN ~`: trimmed now and then, never below the limit.
    if (queue.eventCount > maxLength + Math.max(100, maxLength / 10)) this.trimEvents(queue, maxLength);
  }

  /** Drops the oldest chunks as long as `maxLength` events remain; returns how many events went. */
  trimEvents(queue: QueueState, maxLength: number): number {
    let removed = 0;
    for (;;) {
      const oldest = this.queues.oldEvents(queue.num, TRIM_ROWS);
      let last: readonly [ms: number, seq: number] | undefined;
      let dropped = 0;
      for (const [ms, seq, n] of oldest) {
        if (queue.eventCount - dropped - Number(n) < maxLength) break;
        dropped += Number(n);
        last = [Number(ms), Number(seq)];
      }
      if (last === undefined) break;
      this.queues.dropEvents(queue.num, ...last);
      queue.eventCount -= dropped;
      removed += dropped;
      queue.dirty = true;
      if (oldest.length < TRIM_ROWS) break;
    }
    for (let oldest = queue.tail[0]; oldest !== undefined; oldest = queue.tail[0]) {
      const n = oldest[2].length;
      if (queue.eventCount - n < maxLength) break;
      queue.tail.shift();
      queue.tailJson = JSON.stringify(queue.tail);
      queue.eventCount -= n;
      removed += n;
      queue.dirty = true;
    }
    return removed;
  }

  /** Counts the commit that is about to be made; returns how many the file has seen with it. */
  countCommit(): number {
    this.#commits = (this.#commits ?? this.queues.commits()) + 1;
    this.queues.setCommits(this.#commits);
    return this.#commits;
  }

  isPaused(queue: QueueState): boolean {
    return this.meta(queue).has('paused');
  }

  isMaxed(queue: QueueState): boolean {
    const limit = this.meta(queue).get('concurrency');
    return limit !== undefined && count(queue, State.active) >= Number(limit);
  }

  isPausedOrMaxed(queue: QueueState): boolean {
    return this.isPaused(queue) || this.isMaxed(queue);
  }

  /** Whether a worker that asks now would get a job (rate limits aside). */
  isClaimable(queue: QueueState): boolean {
    return (
      (count(queue, State.wait) > 0 || count(queue, State.prioritized) > 0) && !this.isPausedOrMaxed(queue)
    );
  }

  /** Score of the next delayed job, or null. */
  nextDelayed(queue: QueueState): number | null {
    if (queue.nextDelayed === undefined) {
      queue.nextDelayed =
        count(queue, State.delayed) === 0 ? null : (this.jobs.first(queue.num, State.delayed)?.score ?? null);
    }
    return queue.nextDelayed;
  }
}
