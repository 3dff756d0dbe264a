import type { JobJson, JobsOptions, RepeatableOptions } from 'bullmq';
import { decodeTemplateOpts, plannedJob, readScheduler, type SchedulerRow } from '../ops/scheduler.ts';
import { State } from '../schema.ts';
import type { Session } from '../session.ts';
import type { Steps } from '../store.ts';
import { takeJob } from './take-out.ts';
import type { TakenScheduler, TakenUnit } from './taken.ts';

/** Schedulers looked at at once. */
const PAGE = 100;

/**
 * Takes up to `limit` schedulers of a queue out of the file, each with the job it has planned, next run first. One whose
 * planned job is in work stays: the worker that has it is about to plan the next.
 */
export function* takeSchedulers(
  session: Session,
  name: string,
  limit: number,
  stays: ReadonlySet<string>,
): Steps<TakenUnit[]> {
  session.forgetJobs();
  const units: TakenUnit[] = [];
  if (session.queue(name).num === 0) return units;
  const queue = session.writable(name);
  let staying = 0;
  let page: string[];
  do {
    page = session.queues
      .schedulers(queue.num, true, Math.min(PAGE, limit - units.length), staying)
      .map(row => String(row[0]));
    for (const id of page) {
      yield;
      if (stays.has(`${name}:repeat:${id}`)) {
        staying += 1;
        continue;
      }
      const scheduler = readScheduler(session, queue, id) as SchedulerRow;
      const job = plannedJob(session, queue, id, scheduler.next);
      if (job?.state === State.active) {
        staying += 1;
        continue;
      }
      const open = job !== undefined && job.finishedOn === null;
      const jobs = open ? [takeJob(session, { queue, job })] : [];
      session.queues.dropScheduler(queue.num, id);
      queue.dirty = true;
      units.push({ jobs, scheduler: describe(name, id, scheduler, jobs[0]?.job) });
    }
  } while (page.length > 0 && units.length < limit);
  return units;
}

function describe(
  queue: string,
  id: string,
  { next, fields }: SchedulerRow,
  planned: JobJson | undefined,
): TakenScheduler {
  const { name, tz, pattern, limit, startDate, endDate, every, offset, ic } = fields;
  const repeat: RepeatableOptions & Record<string, string | number> = { name: name ?? '' };
  for (const [key, text] of Object.entries({ tz, pattern })) if (text !== undefined) repeat[key] = text;
  for (const [key, text] of Object.entries({ limit, startDate, endDate, every, offset })) {
    if (text !== undefined) repeat[key] = Number(text);
  }
  const templateOpts = decodeTemplateOpts(fields.opts ?? '{}');
  return {
    queue,
    id,
    next,
    iterations: Number(ic ?? 0),
    data: fields.data ?? '{}',
    templateOpts,
    repeat,
    jobOpts: planned?.opts ?? ({ ...templateOpts, repeat } as JobsOptions),
    fields,
  };
}
