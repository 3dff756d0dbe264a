import type { DatabaseSync } from 'node:sqlite';
import { type Prepared, prepare, type Row } from './prepare.ts';

/** Statements on the tables of a queue as a whole: queue, meta, event, dedup, dedup_next, scheduler, metric, client, file. */
export class QueueSql {
  readonly #names: Prepared;
  readonly #load: Prepared;
  readonly #create: Prepared;
  readonly #save: Prepared;
  readonly #commits: Prepared;
  readonly #setCommits: Prepared;
  readonly #meta: Prepared;
  readonly #setMeta: Prepared;
  readonly #dropMeta: Prepared;
  readonly #addEvents: Prepared;
  readonly #eventRowAt: Prepared;
  readonly #readEvents: Prepared;
  readonly #oldEvents: Prepared;
  readonly #dropEvents: Prepared;
  readonly #dedup: Prepared;
  readonly #setDedup: Prepared;
  readonly #dropDedup: Prepared;
  readonly #dropDedupOf: Prepared;
  readonly #someDedups: Prepared;
  readonly #endingDedups: Prepared;
  readonly #dropEndingDedup: Prepared;
  readonly #next: Prepared;
  readonly #setNext: Prepared;
  readonly #dropNext: Prepared;
  readonly #scheduler: Prepared;
  readonly #setScheduler: Prepared;
  readonly #dropScheduler: Prepared;
  readonly #schedulersUp: Prepared;
  readonly #schedulersDown: Prepared;
  readonly #schedulerCount: Prepared;
  readonly #metric: Prepared;
  readonly #setMetric: Prepared;
  readonly #dropMetrics: Prepared;
  readonly #setClient: Prepared;
  readonly #dropClient: Prepared;
  readonly #clients: Prepared;
  readonly #expireClients: Prepared;

  constructor(db: DatabaseSync) {
    this.#names = prepare(db, 'SELECT name FROM queue WHERE num > 0 ORDER BY num');
    this.#load = prepare(db, 'SELECT * FROM queue WHERE name = ?');
    this.#create = prepare(db, 'INSERT INTO queue (name) VALUES (?) RETURNING num');
    this.#save = prepare(
      db,
      `UPDATE queue SET tail = ?, id_counter = ?, priority_counter = ?, wait_head = ?, wait_tail = ?, active_seq = ?,
         stalled_epoch = ?, stalled_until = ?, limiter_count = ?, limiter_until = ?, event_ms = ?, event_seq = ?,
         event_count = ?, n_wait = ?, n_active = ?, n_delayed = ?, n_prioritized = ?, n_waiting_children = ?,
         n_completed = ?, n_failed = ? WHERE num = ?`,
    );
    this.#commits = prepare(db, 'SELECT commits FROM queue WHERE num = 0');
    this.#setCommits = prepare(db, 'UPDATE queue SET commits = ? WHERE num = 0');
    this.#meta = prepare(db, 'SELECT field, value FROM meta WHERE queue = ?');
    this.#setMeta = prepare(db, 'INSERT OR REPLACE INTO meta (queue, field, value) VALUES (?, ?, ?)');
    this.#dropMeta = prepare(db, 'DELETE FROM meta WHERE queue = ? AND field = ?');
    this.#addEvents = prepare(db, 'INSERT INTO event (queue, ms, seq, n, body) VALUES (?, ?, ?, ?, ?)');
    // A row is named by its first event: the one that holds a cursor is the last that begins at it or before.
    this.#eventRowAt = prepare(
      db,
      `SELECT ms, seq FROM event WHERE queue = ? AND (ms, seq) <= (?, ?) ORDER BY ms DESC, seq DESC LIMIT 1`,
    );
    this.#readEvents = prepare(
      db,
      'SELECT body FROM event WHERE queue = ? AND (ms, seq) >= (?, ?) ORDER BY ms, seq LIMIT ?',
    );
    this.#oldEvents = prepare(db, 'SELECT ms, seq, n FROM event WHERE queue = ? ORDER BY ms, seq LIMIT ?');
    this.#dropEvents = prepare(db, 'DELETE FROM event WHERE queue = ? AND (ms, seq) <= (?, ?)');
    this.#dedup = prepare(db, 'SELECT job_id, expires_at FROM dedup WHERE queue = ? AND id = ?');
    this.#setDedup = prepare(
      db,
      'INSERT OR REPLACE INTO dedup (queue, id, job_id, expires_at) VALUES (?, ?, ?, ?)',
    );
    this.#dropDedup = prepare(db, 'DELETE FROM dedup WHERE queue = ? AND id = ?');
    this.#dropDedupOf = prepare(db, 'DELETE FROM dedup WHERE queue = ? AND id = ? AND job_id = ?');
    this.#someDedups = prepare(
      db,
      'SELECT id, expires_at FROM dedup WHERE queue = ? AND id > ? ORDER BY id LIMIT ?',
    );
    this.#endingDedups = prepare(
      db,
      `SELECT d.queue, q.name, d.id, d.job_id, d.expires_at FROM dedup d JOIN queue q ON q.num = d.queue
        WHERE (d.queue, d.id) > (?, ?) AND d.expires_at IS NOT NULL ORDER BY d.queue, d.id LIMIT ?`,
    );
    this.#dropEndingDedup = prepare(
      db,
      'DELETE FROM dedup WHERE queue = ? AND id = ? AND job_id = ? AND expires_at = ?',
    );
    this.#next = prepare(db, 'SELECT job FROM dedup_next WHERE queue = ? AND id = ?');
    this.#setNext = prepare(db, 'INSERT OR REPLACE INTO dedup_next (queue, id, job) VALUES (?, ?, ?)');
    this.#dropNext = prepare(db, 'DELETE FROM dedup_next WHERE queue = ? AND id = ?');
    this.#scheduler = prepare(db, 'SELECT next, fields FROM scheduler WHERE queue = ? AND id = ?');
    this.#setScheduler = prepare(
      db,
      'INSERT OR REPLACE INTO scheduler (queue, id, next, fields) VALUES (?, ?, ?, ?)',
    );
    this.#dropScheduler = prepare(db, 'DELETE FROM scheduler WHERE queue = ? AND id = ?');
    this.#schedulersUp = prepare(
      db,
      'SELECT id, next FROM scheduler WHERE queue = ? ORDER BY next, id LIMIT ? OFFSET ?',
    );
    this.#schedulersDown = prepare(
      db,
      'SELECT id, next FROM scheduler WHERE queue = ? ORDER BY next DESC, id DESC LIMIT ? OFFSET ?',
    );
    this.#schedulerCount = prepare(db, 'SELECT count(*) FROM scheduler WHERE queue = ?');
    this.#metric = prepare(
      db,
      'SELECT count, prev_ts, prev_count, points FROM metric WHERE queue = ? AND kind = ?',
    );
    this.#setMetric = prepare(
      db,
      'INSERT OR REPLACE INTO metric (queue, kind, count, prev_ts, prev_count, points) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#dropMetrics = prepare(db, 'DELETE FROM metric WHERE queue = ?');
    this.#setClient = prepare(
      db,
      `INSERT INTO client (id, name, pid, since, seen) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, seen = excluded.seen`,
    );
    this.#dropClient = prepare(db, 'DELETE FROM client WHERE id = ?');
    this.#clients = prepare(db, 'SELECT id, name, pid, since, seen FROM client ORDER BY since, id');
    this.#expireClients = prepare(db, 'DELETE FROM client WHERE seen < ?');
  }

  /** Names of all queues that were ever written to. */
  names(): string[] {
    return this.#names.all().map(row => String(row[0]));
  }

  load(name: string): Row | undefined {
    return this.#load.get(name);
  }

  /** Adds the queue's row and returns its number. */
  create(name: string): number {
    return Number(this.#create.get(name)?.[0]);
  }

  save(num: number, columns: readonly number[], tail: string): void {
    this.#save.run(tail, ...columns, num);
  }

  /** How many commits the file has seen. */
  commits(): number {
    return Number(this.#commits.get()?.[0]);
  }
  setCommits(commits: number): void {
    this.#setCommits.run(commits);
  }

  meta(queue: number): Row[] {
    return this.#meta.all(queue);
  }
  setMeta(queue: number, field: string, value: string): void {
    this.#setMeta.run(queue, field, value);
  }
  dropMeta(queue: number, field: string): number {
    return this.#dropMeta.run(queue, field);
  }

  addEvents(queue: number, ms: number, seq: number, n: number, body: string): void {
    this.#addEvents.run(queue, ms, seq, n, body);
  }
  /** The bodies of the rows from the one that holds (ms, seq) on. */
  readEvents(queue: number, ms: number, seq: number, limit: number): string[] {
    const [fromMs, fromSeq] = this.#eventRowAt.get(queue, ms, seq) ?? [ms, seq];
    return this.#readEvents.all(queue, Number(fromMs), Number(fromSeq), limit).map(row => String(row[0]));
  }
  /** The oldest chunks: `[ms, seq, n]`. */
  oldEvents(queue: number, limit: number): Row[] {
    return this.#oldEvents.all(queue, limit);
  }
  dropEvents(queue: number, ms: number, seq: number): void {
    this.#dropEvents.run(queue, ms, seq);
  }

  dedup(queue: number, id: string): Row | undefined {
    return this.#dedup.get(queue, id);
  }
  setDedup(queue: number, id: string, jobId: string, expiresAt: number | null): void {
    this.#setDedup.run(queue, id, jobId, expiresAt);
  }
  dropDedup(queue: number, id: string): number {
    return this.#dropDedup.run(queue, id);
  }
  dropDedupOf(queue: number, id: string, jobId: string): number {
    return this.#dropDedupOf.run(queue, id, jobId);
  }
  /** The keys after `id`, in their order: `[id, expires_at]`. */
  someDedups(queue: number, id: string, limit: number): Row[] {
    return this.#someDedups.all(queue, id, limit);
  }
  /** The next keys with an end, of all queues: `[queue, its name, id, job_id, expires_at]`. */
  endingDedups(queue: number, id: string, limit: number): Row[] {
    return this.#endingDedups.all(queue, id, limit);
  }
  /** Unless it has been opened anew meanwhile. */
  dropEndingDedup(queue: number, id: string, jobId: string, expiresAt: number): number {
    return this.#dropEndingDedup.run(queue, id, jobId, expiresAt);
  }
  dedupNext(queue: number, id: string): string | undefined {
    return this.#next.get(queue, id)?.[0] as string | undefined;
  }
  setDedupNext(queue: number, id: string, job: string): void {
    this.#setNext.run(queue, id, job);
  }
  dropDedupNext(queue: number, id: string): void {
    this.#dropNext.run(queue, id);
  }

  scheduler(queue: number, id: string): Row | undefined {
    return this.#scheduler.get(queue, id);
  }
  setScheduler(queue: number, id: string, next: number, fields: string): void {
    this.#setScheduler.run(queue, id, next, fields);
  }
  dropScheduler(queue: number, id: string): number {
    return this.#dropScheduler.run(queue, id);
  }
  schedulers(queue: number, ascending: boolean, limit: number, offset: number): Row[] {
    return (ascending ? this.#schedulersUp : this.#schedulersDown).all(queue, limit, offset);
  }
  schedulerCount(queue: number): number {
    return Number(this.#schedulerCount.get(queue)?.[0] ?? 0);
  }

  metric(queue: number, kind: string): Row | undefined {
    return this.#metric.get(queue, kind);
  }
  setMetric(
    queue: number,
    kind: string,
    count: number,
    prevTs: number | null,
    prevCount: number | null,
    points: string,
  ): void {
    this.#setMetric.run(queue, kind, count, prevTs, prevCount, points);
  }
  dropMetrics(queue: number): void {
    this.#dropMetrics.run(queue);
  }

  setClient(id: string, name: string, pid: number, now: number): void {
    this.#setClient.run(id, name, pid, now, now);
  }
  dropClient(id: string): void {
    this.#dropClient.run(id);
  }
  clients(): Row[] {
    return this.#clients.all();
  }
  expireClients(before: number): void {
    this.#expireClients.run(before);
  }
}
