import { wasNotApplied } from '../../redis/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { TakenUnit } from '../sqlite/index.ts';
import type { Controller } from './controller.ts';
import type { Batch, JobRef } from './ledger/index.ts';
import { UnitsRefused } from './primary/primary.ts';
import { holdsSchedulers, LOOKS_FOR_SCHEDULERS } from './schedulers.ts';

/** Jobs in one transaction on the primary. */
const BATCH = 250;
const PROGRESS_MS = 1_000;
/** How often it is looked for schedulers that could not be taken yet, in ms. */
const LOOK_MS = 100;

/**
 * Gives the standby's jobs back, a batch at a time: out of the standby and into the ledger in one transaction here, onto the
 * primary in one there, out of the ledger. Killed at any step it goes on where it was: a batch in the ledger is added
 * again unless the primary remembers it. No faster than the options allow, so that the rest of the traffic goes on.
 */
export class Drain {
  readonly #controller: Controller;
  readonly #clock: Clock;
  #moved = 0;
  #startedAt = 0;
  #toldAt = 0;
  /** When the next batch may go, by the limit on the rate. */
  #nextAt = 0;

  constructor(controller: Controller, clock: Clock) {
    this.#controller = controller;
    this.#clock = clock;
  }

  /** The primary has come back: counts from here. */
  begin(): void {
    this.#moved = 0;
    this.#startedAt = this.#clock.monotonic();
    this.#toldAt = this.#startedAt;
  }

  /** Whether the standby holds jobs that could be given back, as far as was last counted. */
  get hasWork(): boolean {
    return this.#controller.census.work > 0;
  }

  /**
   * Before workers may fetch from the primary: what a drain before had in its hands, and the schedulers. What these have
   * planned there may be due since long, and have run here. Answers false when it had to stop.
   */
  async runFirst(mayGoOn: () => boolean, renew: () => Promise<boolean>): Promise<boolean> {
    const { ledger, betweenBatches } = this.#controller;
    for (const { batch, units } of await ledger.movingBatches()) {
      if (!mayGoOn()) return false;
      await betweenBatches.batch(() => this.#give(batch, units));
    }
    for (let looks = 0; ; ) {
      if (!mayGoOn() || !(await renew())) return false;
      const given = () => this.#giveTaken(ledger.takeSchedulers(undefined, BATCH));
      if (await betweenBatches.batch(given)) continue;
      if (this.#controller.mayClaim || looks === LOOKS_FOR_SCHEDULERS || !(await holdsSchedulers(ledger)))
        return true;
      looks += 1;
      await this.#controller.pause(LOOK_MS);
    }
  }

  /** Gives back until nothing is left that can be. Answers false when it had to stop. */
  async run(mayGoOn: () => boolean, renew: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      if (!mayGoOn() || !(await renew())) return false;
      await this.#keepToTheRate();
      if (!(await this.#controller.betweenBatches.batch(() => this.#giveNext()))) break;
    }
    await this.#controller.census.refresh();
    if (this.#moved > 0) this.#tell();
    return true;
  }

  async #giveNext(): Promise<boolean> {
    const { ledger } = this.#controller;
    return (
      (await this.#giveTaken(ledger.takeBatch(undefined, BATCH))) ||
      (await this.#giveTaken(ledger.takeSchedulers(undefined, BATCH)))
    );
  }

  /** Tells whether there was one. */
  async #giveTaken(taking: Promise<Batch | undefined>): Promise<boolean> {
    const taken = await taking;
    if (taken !== undefined) await this.#give(taken.batch, taken.units);
    return taken !== undefined;
  }

  /** One batch; when the primary goes away under it, its jobs go back to where they can be run. */
  async #give(batch: string, units: readonly TakenUnit[]): Promise<void> {
    const { ledger, maintenance } = this.#controller;
    // Ledgers number their batches from 1, and several machines may give back to one primary.
    const name = `${await ledger.identity()}:${batch}`;
    try {
      const { duplicates } = await maintenance.addBatch(name, units);
      for (const { queue, job } of duplicates) {
        this.#controller.countDuplicate(queue, job, 'the primary has a job of this id');
      }
    } catch (error) {
      if (error instanceof UnitsRefused) return this.#giveOthers(batch, units, error);
      await ledger.returnBatch(batch, wasNotApplied(error) ? [] : jobRefs(units));
      throw error;
    }
    await ledger.settleBatch(batch);
    await maintenance.forgetBatch(name);
    await this.#count(jobsIn(units));
  }

  /** What the primary can't hold stays here, where a worker of this machine may take it; the others go on. */
  async #giveOthers(
    batch: string,
    units: readonly TakenUnit[],
    { units: refused }: UnitsRefused,
  ): Promise<void> {
    await this.#controller.ledger.keepBack(batch, refused.keys());
    for (const [{ jobs, scheduler }, why] of refused) {
      const queue = scheduler?.queue ?? jobs[0]?.queue ?? '';
      this.#controller.emit('undeliverable', { queue, job: jobs[0]?.id ?? null, op: 'add', why });
    }
    await this.#give(
      batch,
      units.filter(unit => !refused.has(unit)),
    );
  }

  /** While the primary is away: what a drain that was killed had in its hands goes back to where it can be run. */
  async takeBack(): Promise<void> {
    const { ledger } = this.#controller;
    for (const { batch, units } of await ledger.movingBatches()) {
      await ledger.returnBatch(batch, jobRefs(units));
    }
    await this.#controller.census.refresh();
  }

  async #count(jobs: number): Promise<void> {
    this.#moved += jobs;
    this.#controller.statistics.returned += jobs;
    this.#nextAt =
      Math.max(this.#nextAt, this.#clock.monotonic() - 1_000) +
      (jobs / this.#controller.options.drainPerSecond) * 1_000;
    if (this.#clock.monotonic() - this.#toldAt < PROGRESS_MS) return;
    await this.#controller.census.refresh();
    this.#tell();
  }

  async #keepToTheRate(): Promise<void> {
    const early = this.#nextAt - this.#clock.monotonic();
    if (early > 0) await this.#controller.pause(early);
  }

  #tell(): void {
    this.#toldAt = this.#clock.monotonic();
    const seconds = Math.max(0.001, (this.#toldAt - this.#startedAt) / 1_000);
    const perSecond = this.#moved / seconds;
    const pending = this.#controller.census.work;
    const leftMs = perSecond > 0 ? (pending / perSecond) * 1_000 : null;
    this.#controller.emit('drain', { moved: this.#moved, pending, perSecond, leftMs });
  }
}

function jobsIn(units: readonly TakenUnit[]): number {
  return units.reduce((sum, { jobs, scheduler }) => sum + (scheduler === undefined ? jobs.length : 1), 0);
}

/** A job that a scheduler has planned is not among them: what is in both homes then is the scheduler, and one is made of it. */
function jobRefs(units: readonly TakenUnit[]): JobRef[] {
  const others = units.filter(({ scheduler }) => scheduler === undefined);
  return others.flatMap(({ jobs }) => jobs.map(({ queue, id }) => ({ queue, job: id })));
}
