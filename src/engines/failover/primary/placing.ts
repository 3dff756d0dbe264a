import type { JobsOptions, RepeatableOptions } from 'bullmq';
import type { TakenJob, TakenScheduler, TakenUnit } from '../../sqlite/index.ts';

/** The options that put a job where it stands now; the user's own are restored after. */
export function optionsNow({ state, due, front, dedup, job }: TakenJob, now: number): JobsOptions {
  const { delay: _, priority: __, lifo: ___, deduplication, ...rest } = job.opts;
  const opts: JobsOptions = { ...rest };
  if (deduplication !== undefined && dedup !== null && (dedup.until ?? Number.POSITIVE_INFINITY) > now) {
    const ttl = dedup.until === null ? {} : { ttl: dedup.until - now };
    opts.deduplication = { ...deduplication, ...ttl };
  }
  if (state === 'delayed') opts.delay = Math.max(1, (due ?? now) - job.timestamp);
  if (state === 'prioritized' || (state === 'delayed' && (job.priority ?? 0) > 0)) {
    opts.priority = job.priority ?? 0;
  }
  if (state === 'waiting' && front) opts.lifo = true;
  return opts;
}

/**
 * How to upsert a scheduler so that the run it has planned keeps its time. By its offset BullMQ finds the next slot, and would put
 * a run that is due off by a whole interval: such a one is planned anew, for now.
 */
export function scheduleNow(
  { repeat, jobOpts }: TakenScheduler,
  planned: TakenJob | undefined,
  now: number,
): Pick<TakenScheduler, 'repeat' | 'jobOpts'> {
  if (planned === undefined || (planned.state === 'delayed' && (planned.due ?? now) > now)) {
    return { repeat, jobOpts };
  }
  const { offset: _, ...fromNow } = repeat;
  const { repeat: own, ...options } = jobOpts as PlannedOptions;
  return { repeat: fromNow, jobOpts: { ...options, repeat: { ...own, offset: undefined } } as JobsOptions };
}

/** BullMQ writes the schedule into the options of the jobs it plans. */
type PlannedOptions = JobsOptions & { repeat?: RepeatableOptions };

/** Each that goes to the front goes before the last that did. */
export function inOrderOfAdding(units: readonly TakenUnit[]): TakenUnit[] {
  const isFront = ({ jobs }: TakenUnit) => jobs[0]?.front === true;
  return [...units.filter(isFront).reverse(), ...units.filter(unit => !isFront(unit))];
}
