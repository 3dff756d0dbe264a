import type { Redis } from 'ioredis';
import type { TakenJob, TakenUnit } from '../../sqlite/index.ts';
import { nameOfUnit } from '../ledger/index.ts';
import { isRefusal, UnitsRefused } from './primary.ts';
import { JOB_SUFFIXES } from './redis-scripts.ts';

/** The parts of BullMQ's backend that are used here. */
interface Jobs {
  getState(id: string): Promise<string>;
  remove(id: string, removeChildren: boolean): Promise<number>;
}

/**
 * What a batch's transaction has refused: Redis carries out the other commands all the same. Such a unit is taken out again,
 * to stay where it was, and is remembered with the batch's mark for who goes on with that.
 */
export class RefusedUnits {
  readonly #redis: Redis;
  readonly #jobsOf: (queue: string) => Jobs;

  /** @param jobsOf a backend whose events nobody hears. */
  constructor(redis: Redis, jobsOf: (queue: string) => Jobs) {
    this.#redis = redis;
    this.#jobsOf = jobsOf;
  }

  /**
   * Of a batch whose transaction has been carried out by who did not come to keep back what it refused.
   * @throws UnitsRefused when there is any.
   */
  async lookFor(mark: string, units: readonly TakenUnit[]): Promise<void> {
    const told = JSON.parse((await this.#redis.hget(mark, 'refused')) ?? '[]') as string[];
    const refused = new Map<TakenUnit, string>();
    // What lives there may be another's: of a flow, jobs that were there before.
    const known = new Set<TakenJob>();
    await Promise.all(
      units.map(async unit => {
        const rests = await Promise.all(unit.jobs.map(job => this.#isRest(job)));
        if (!told.includes(nameOfUnit(unit)) && !rests.includes(true)) return;
        refused.set(unit, 'it was refused before, in a batch that was not gone on with');
        for (const [at, job] of unit.jobs.entries()) if (!rests[at]) known.add(job);
      }),
    );
    if (refused.size > 0) await this.takeOut(mark, refused, known);
  }

  /**
   * @param known jobs of theirs that stay, since they were there before.
   * @throws UnitsRefused, which is kept with the mark: the next to come with this batch is told the same.
   */
  async takeOut(
    mark: string,
    refused: ReadonlyMap<TakenUnit, string>,
    known: ReadonlySet<TakenJob>,
  ): Promise<never> {
    await this.#redis.hset(mark, 'refused', JSON.stringify([...refused.keys()].map(nameOfUnit)));
    for (const job of [...refused.keys()].flatMap(({ jobs }) => jobs)) {
      const { queue, id } = job;
      if (known.has(job)) continue;
      try {
        await this.#jobsOf(queue).remove(id, false);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        await this.#redis.unlink(...JOB_SUFFIXES.map(suffix => `${queue}:${id}${suffix}`));
      }
    }
    throw new UnitsRefused(refused);
  }

  /** A script that failed in its middle leaves what it had written: a job that is in no list, whose id is taken. */
  async #isRest({ queue, id }: TakenJob): Promise<boolean> {
    if ((await this.#redis.exists(`${queue}:${id}`)) === 0) return false;
    try {
      return (await this.#jobsOf(queue).getState(id)) === 'unknown';
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return true;
    }
  }
}
