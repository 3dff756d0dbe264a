import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

/*
 * Which jobs of a queue file may be taken out, and in what order: told from the tables alone, without the engine.
 */
type Row = Record<string, SQLOutputValue>;

/** wait, prioritized, waiting-children, delayed. */
const ORDER = [0, 3, 4, 2];
const WAITING_CHILDREN = 4;

export interface Stored {
  /** `<queue>:<id>` of all jobs. */
  all: string[];
  /** By queue: the units in their order, each as the keys of its jobs (the first is the root). */
  units: Map<string, string[][]>;
}

/** Reads a queue file. */
export function readStored(file: string): Stored {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('BEGIN');
  const all = (sql: string) => db.prepare(sql).all() as Row[];
  const jobs = new Map(
    all('SELECT job.*, queue.name AS queue_name FROM job JOIN queue ON queue.num = job.queue').map(job => [
      `${job.queue_name}:${job.id}`,
      job,
    ]),
  );
  const keys = new Map([...jobs].map(([key, job]) => [job.row, key]));
  const children = new Map<string, Row[]>();
  for (const child of all('SELECT * FROM child')) {
    const parent = keys.get(child.parent as number) as string;
    children.set(parent, [...(children.get(parent) ?? []), child]);
  }
  const planned = new Set(
    all('SELECT queue.name AS queue_name, id, next FROM scheduler JOIN queue ON num = queue').map(
      ({ queue_name, id, next }) => `${queue_name}:repeat:${id}:${next}`,
    ),
  );
  const followed = new Set(
    all(
      `SELECT name, job_id FROM dedup JOIN dedup_next USING (queue, id) JOIN queue ON num = dedup.queue`,
    ).map(({ name, job_id }) => `${name}:${job_id}`),
  );
  db.close();

  const isFresh = (job: Row) =>
    job.processed_on === null && job.attempts_made === 0 && job.stalled_count === 0;
  const isOpen = (job: Row) => [0, 2, 3].includes(Number(job.state));
  /** All keys of an unstarted tree, or undefined. */
  const treeOf = (key: string): string[] | undefined => {
    const job = jobs.get(key);
    if (job === undefined || !isFresh(job)) return undefined;
    const under = children.get(key) ?? [];
    if (job.state !== WAITING_CHILDREN) return isOpen(job) && under.length === 0 ? [key] : undefined;
    if (under.length === 0 || under.some(child => child.kind !== 0)) return undefined;
    const trees = under.map(child => treeOf(String(child.key)));
    return trees.includes(undefined) ? undefined : [key, ...(trees as string[][]).flat()];
  };
  const isSingle = (key: string, job: Row) =>
    isOpen(job) && !children.has(key) && !planned.has(key) && !followed.has(key);

  const units = new Map<string, string[][]>();
  const ordered = [...jobs].sort(
    ([, a], [, b]) =>
      ORDER.indexOf(Number(a.state)) - ORDER.indexOf(Number(b.state)) ||
      Number(a.score) - Number(b.score) ||
      Buffer.compare(Buffer.from(String(a.id)), Buffer.from(String(b.id))),
  );
  for (const [key, job] of ordered) {
    if (job.parent_key !== null) continue;
    const unit = job.state === WAITING_CHILDREN ? treeOf(key) : isSingle(key, job) ? [key] : undefined;
    if (unit === undefined) continue;
    const name = String(job.queue_name);
    units.set(name, [...(units.get(name) ?? []), unit]);
  }
  return { all: [...jobs.keys()], units };
}

/** All that is stored of jobs, de-duplication and schedulers, without the row numbers: to compare two states. */
export function dump(file: string): Record<string, unknown[]> {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('BEGIN');
  const all = (sql: string) =>
    db
      .prepare(sql)
      .all()
      .map(row => ({ ...row }));
  const of = 'JOIN queue ON queue.num = job.queue';
  const dumped = {
    jobs: all(
      `SELECT queue.name AS queue, id, state, score, flags, job.name, timestamp, delay, priority, attempts_started,
         attempts_made, stalled_count, lock_token, processed_on, finished_on, parent_key, parent, scheduler_id, dedup_id,
         processed_by, deferred_failure, coalesce(progress, '0') AS progress, return_value, failed_reason, stacktrace,
         opts, coalesce(job.data, payload.data) AS data
       FROM job ${of} LEFT JOIN payload USING (row) ORDER BY 1, 2`,
    ),
    children: all(
      `SELECT queue.name AS queue, id, kind, key, value FROM child JOIN job ON job.row = child.parent ${of}
       ORDER BY 1, 2, 3, 4`,
    ),
    logs: all(
      `SELECT queue.name AS queue, id, line FROM log JOIN job ON job.row = log.job ${of} ORDER BY 1, 2, log.seq`,
    ),
    dedup: all('SELECT * FROM dedup ORDER BY queue, id'),
    next: all('SELECT * FROM dedup_next ORDER BY queue, id'),
    schedulers: all('SELECT * FROM scheduler ORDER BY queue, id'),
    counters: all(
      `SELECT name, id_counter, n_wait, n_active, n_delayed, n_prioritized, n_waiting_children, n_completed, n_failed
       FROM queue WHERE num > 0 ORDER BY name`,
    ),
  };
  db.close();
  return dumped;
}
