import type {
  Place,
  Prepared,
  StandbyCounts,
  StandbyJobs,
  Steps,
  TakenJob,
  TakenScheduler,
  TakenUnit,
} from '../../sqlite/index.ts';
import type { Tally } from './tally.ts';
import type { JobRef, Prepare } from './types.ts';

/*
 * What was taken out of the standby and is on its way to the primary: written in the transaction that deletes it there,
 * so that a drain killed at any moment is gone on with. A row is a job of a unit, or (job NULL) the unit's scheduler.
 * A batch's number is never given twice (AUTOINCREMENT): who settles an old one late must not hit a new one.
 */
export const movingSchema = `
CREATE TABLE IF NOT EXISTS failover_batch (
  batch INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS failover_moving (
  batch INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  node INTEGER NOT NULL,
  queue TEXT NOT NULL,
  job TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (batch, unit, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failover_moving_job ON failover_moving (queue, job) WHERE job IS NOT NULL;
`;

/** Units on their way to the primary. */
export interface Batch {
  batch: string;
  units: TakenUnit[];
}

/** Where the walks through the queues stand, by queue: what was looked at and stays isn't looked at again each time. */
export type Places = Map<string, Place>;

/** Units that the primary refuses, by name: they are not taken out any more. */
export type Stays = ReadonlySet<string>;

/** Names a unit by its scheduler or its root. */
export function nameOfUnit({ jobs: [root], scheduler }: TakenUnit): string {
  return scheduler === undefined ? `${root?.queue}:${root?.id}` : `${scheduler.queue}:repeat:${scheduler.id}`;
}

export class Moving {
  readonly #tally: Tally;
  readonly #begin: Prepared;
  readonly #end: Prepared;
  readonly #insert: Prepared;
  readonly #drop: Prepared;
  readonly #batches: Prepared;
  readonly #rows: Prepared;
  readonly #job: Prepared;

  constructor(prepare: Prepare, tally: Tally) {
    this.#tally = tally;
    this.#begin = prepare('INSERT INTO failover_batch (at) VALUES (?) RETURNING batch');
    this.#end = prepare('DELETE FROM failover_batch WHERE batch = ?');
    this.#insert = prepare(
      'INSERT INTO failover_moving (batch, unit, node, queue, job, body) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#drop = prepare('DELETE FROM failover_moving WHERE batch = ? RETURNING job');
    this.#batches = prepare('SELECT batch FROM failover_batch ORDER BY batch');
    this.#rows = prepare('SELECT unit, job, body FROM failover_moving WHERE batch = ? ORDER BY unit, node');
    this.#job = prepare('SELECT body FROM failover_moving WHERE queue = ? AND job = ?');
  }

  /** Takes up to `limit` drainable jobs of a queue, or of all queues in turn; undefined when there is none. */
  *take(
    jobs: StandbyJobs,
    queue: string | undefined,
    limit: number,
    { places, stays }: { places: Places; stays: Stays },
    at: number,
  ): Steps<Batch | undefined> {
    const units: TakenUnit[] = [];
    let left = limit;
    for (const name of queue === undefined ? jobs.counts().filter(isDrainable).map(nameOf) : [queue]) {
      if (left <= 0) break;
      let from = places.get(name);
      let taken = yield* jobs.takeOut(name, left, stays, from);
      // At the end, begin again: what stayed before may go by now.
      if (taken.units.length === 0 && from !== undefined) {
        from = undefined;
        taken = yield* jobs.takeOut(name, left, stays);
      }
      if (taken.next === undefined) places.delete(name);
      else places.set(name, taken.next);
      for (const unit of taken.units) left -= unit.jobs.length;
      units.push(...taken.units);
    }
    return yield* this.#store(units, at);
  }

  /** Takes up to `limit` schedulers of a queue, or of all queues in turn; undefined when there is none. */
  *takeSchedulers(
    jobs: StandbyJobs,
    queue: string | undefined,
    limit: number,
    stays: Stays,
    at: number,
  ): Steps<Batch | undefined> {
    const units: TakenUnit[] = [];
    const queues = jobs.counts().filter(({ schedulers }) => schedulers > 0);
    for (const name of queue === undefined ? queues.map(nameOf) : [queue]) {
      if (units.length >= limit) break;
      units.push(...(yield* jobs.takeSchedulers(name, limit - units.length, stays)));
    }
    return yield* this.#store(units, at);
  }

  *#store(units: TakenUnit[], at: number): Steps<Batch | undefined> {
    if (units.length === 0) return undefined;
    const batch = Number(this.#begin.get(at)?.[0]);
    yield* this.#write(batch, units);
    return { batch: String(batch), units };
  }

  *#write(batch: number, units: readonly TakenUnit[]): Steps<void> {
    let jobs = 0;
    for (const [index, { jobs: nodes, scheduler }] of units.entries()) {
      if (scheduler !== undefined) {
        this.#insert.run(batch, index, 0, scheduler.queue, null, JSON.stringify(scheduler));
      }
      for (const [node, job] of nodes.entries()) {
        this.#insert.run(batch, index, node + 1, job.queue, job.id, JSON.stringify(job));
        yield;
      }
      jobs += nodes.length;
    }
    this.#tally.book('moving', jobs);
  }

  batches(): Batch[] {
    return this.#batches.all().map(([batch]) => this.get(String(batch)) as Batch);
  }

  get(batch: string): Batch | undefined {
    const units: TakenUnit[] = [];
    for (const [unit, job, body] of this.#rows.all(Number(batch))) {
      const index = Number(unit);
      units[index] ??= { jobs: [] };
      if (job === null) units[index].scheduler = JSON.parse(String(body)) as TakenScheduler;
      else units[index].jobs.push(JSON.parse(String(body)) as TakenJob);
    }
    return units.length === 0 ? undefined : { batch, units };
  }

  job({ queue, job }: JobRef): TakenJob | undefined {
    const row = this.#job.get(queue, job);
    return row && (JSON.parse(String(row[0])) as TakenJob);
  }

  /** Forgets a batch; returns whether it was there. */
  drop(batch: string): boolean {
    this.#clear(batch);
    return this.#end.run(Number(batch)) === 1;
  }

  #clear(batch: string): void {
    const jobs = this.#drop.all(Number(batch)).filter(([job]) => job !== null);
    this.#tally.book('moving', -jobs.length);
  }

  /** Gives some of a batch back to the standby; the rest stays on its way. */
  *giveBackSome(jobs: StandbyJobs, batch: string, stays: Stays): Steps<number> {
    const units = this.get(batch)?.units ?? [];
    this.#clear(batch);
    yield* this.#write(
      Number(batch),
      units.filter(unit => !stays.has(nameOfUnit(unit))),
    );
    return yield* jobs.putBack(units.filter(unit => stays.has(nameOfUnit(unit))));
  }

  /** Gives a batch back to the standby; returns how many jobs were put back. */
  *giveBack(jobs: StandbyJobs, batch: string): Steps<number> {
    const found = this.get(batch);
    if (found === undefined) return 0;
    this.drop(batch);
    return yield* jobs.putBack(found.units);
  }
}

function nameOf({ queue }: StandbyCounts): string {
  return queue;
}

function isDrainable({ wait, prioritized, delayed, waitingChildren }: StandbyCounts): boolean {
  return wait + prioritized + delayed + waitingChildren > 0;
}
