import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

type Row = Record<string, SQLOutputValue>;

const COUNTERS = [
  'n_wait',
  'n_active',
  'n_delayed',
  'n_prioritized',
  'n_waiting_children',
  'n_completed',
  'n_failed',
] as const;

/** A row of a query that lists what must not be, and what it means. */
const NEVER: readonly [meaning: string, sql: string][] = [
  [
    'a job is locked though nobody works on it',
    'SELECT row, id, state FROM job WHERE lock_token IS NOT NULL AND state <> 1',
  ],
  ['two jobs of a queue have one id', 'SELECT queue, id FROM job GROUP BY queue, id HAVING count(*) > 1'],
  [
    'a job of a queue that does not exist',
    'SELECT row, queue FROM job WHERE queue NOT IN (SELECT num FROM queue WHERE num > 0)',
  ],
  [
    'a counted job does not stand in the row of its id',
    'SELECT row, id FROM job WHERE row < 4503599627370496 AND row <> queue * 137438953472 + CAST(id AS INTEGER)',
  ],
  [
    'a waiting job has no place between head and tail',
    `SELECT job.row, job.score, wait_head, wait_tail FROM job JOIN queue ON queue.num = job.queue
     WHERE job.state = 0 AND (job.score < wait_head OR job.score > wait_tail)`,
  ],
  [
    'a job has no payload, or one too many',
    'SELECT job.row FROM job LEFT JOIN payload USING (row) WHERE (flags & 1) <> (payload.row IS NOT NULL)',
  ],
  ['a payload without its job', 'SELECT row FROM payload WHERE row NOT IN (SELECT row FROM job)'],
  ['a child entry without its parent', 'SELECT parent FROM child WHERE parent NOT IN (SELECT row FROM job)'],
  ['a log line without its job', 'SELECT job FROM log WHERE job NOT IN (SELECT row FROM job)'],
];

/**
 * What is wrong with a queue file, a line each; nothing when it is whole. Reads only, so that a log to be examined
 * stays as it is.
 */
export function checkInvariants(file: string): string[] {
  if (!existsSync(file)) return [`${file} does not exist`];
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const all = (sql: string, ...values: number[]) => db.prepare(sql).all(...values) as Row[];
    // One transaction, so that all questions are asked of one state though others may be writing.
    db.exec('BEGIN');
    const problems = all('PRAGMA integrity_check')
      .map(row => String(row.integrity_check))
      .filter(line => line !== 'ok');
    for (const [meaning, sql] of NEVER) {
      for (const row of all(sql)) problems.push(`${meaning}: ${JSON.stringify(row)}`);
    }
    for (const queue of all('SELECT * FROM queue WHERE num > 0')) {
      problems.push(...checkCounters(queue, all), ...checkEvents(queue, all));
    }
    return problems;
  } finally {
    db.close();
  }
}

type All = (sql: string, ...values: number[]) => Row[];

function checkCounters(queue: Row, all: All): string[] {
  const found = new Map(
    all('SELECT state, count(*) AS n FROM job WHERE queue = ? GROUP BY state', Number(queue.num)).map(row => [
      Number(row.state),
      Number(row.n),
    ]),
  );
  return COUNTERS.flatMap((column, state) => {
    const [said, counted] = [Number(queue[column]), found.get(state) ?? 0];
    return said === counted ? [] : [`${queue.name}: ${column} says ${said}, there are ${counted}`];
  });
}

/** Cursors go up without an end to their order, rows and counter say how many there are, the newest is the queue's. */
function checkEvents(queue: Row, all: All): string[] {
  const problems: string[] = [];
  let last: readonly [ms: number, seq: number] = [-1, -1];
  let total = 0;
  const follow = (groups: [number, number, string[][]][], where: string) => {
    for (const [ms, seq, events] of groups) {
      if (ms < last[0] || (ms === last[0] && seq <= last[1])) {
        problems.push(`${queue.name}: event ${ms}-${seq} in ${where} comes after ${last.join('-')}`);
      }
      last = [ms, seq + events.length - 1];
      total += events.length;
    }
  };
  for (const row of all('SELECT * FROM event WHERE queue = ? ORDER BY ms, seq', Number(queue.num))) {
    const groups = JSON.parse(String(row.body)) as [number, number, string[][]][];
    const n = groups.reduce((sum, group) => sum + group[2].length, 0);
    if (n !== Number(row.n)) problems.push(`${queue.name}: event row ${row.ms}-${row.seq} holds ${n}`);
    follow(groups, 'a row');
  }
  follow(JSON.parse(String(queue.tail)), 'the tail');
  if (total !== Number(queue.event_count)) {
    problems.push(`${queue.name}: event_count says ${queue.event_count}, there are ${total}`);
  }
  const newest = [Number(queue.event_ms), Number(queue.event_seq)];
  if (total > 0 && newest.join('-') !== last.join('-')) {
    problems.push(`${queue.name}: the newest event is ${last.join('-')}, the queue says ${newest.join('-')}`);
  }
  return problems;
}

/** Every id of a queue's jobs, whatever their state. */
export function storedIds(file: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db
      .prepare('SELECT id FROM job')
      .all()
      .map(row => String(row.id));
  } finally {
    db.close();
  }
}
