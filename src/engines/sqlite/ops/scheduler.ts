import type { JobsOptions, RepeatableOptions } from 'bullmq';
import { ErrorCode } from '../codes.ts';
import { encodeOpts, type NewJob } from '../job-row.ts';
import type { QueueState } from '../queue-state.ts';
import { State } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';
import { enqueue } from './add.ts';
import { ensureMaxEvents } from './events.ts';
import { deleteJob, removeJob } from './remove-job.ts';

/** How many taken slots an `every` scheduler steps over before it gives up (addJobScheduler.lua). */
const MAX_SLOT_SCANS = 32;

/** The fields Redis keeps in a scheduler's hash, in its order; all values are text. */
export type SchedulerFields = Record<string, string>;

export interface SchedulerRow {
  next: number;
  fields: SchedulerFields;
}

export function readScheduler(session: Session, queue: QueueState, id: string): SchedulerRow | undefined {
  const row = session.queues.scheduler(queue.num, id);
  return row && { next: Number(row[0]), fields: JSON.parse(String(row[1])) as SchedulerFields };
}

/** The job a scheduler has planned for its next run, whatever has become of it. */
export function plannedJob(
  session: Session,
  queue: QueueState,
  id: string,
  next: number,
): JobHead | undefined {
  return session.jobs.head(queue.num, iterationId(id, next));
}

/** Whether a job is the one its scheduler has planned next; such a job is not removed on its own (isJobSchedulerJob.lua). */
export function isNextOfScheduler(
  session: Session,
  queue: QueueState,
  job: Pick<JobHead, 'id' | 'schedulerId'>,
): boolean {
  if (job.schedulerId === null) return false;
  const scheduler = readScheduler(session, queue, job.schedulerId);
  return scheduler !== undefined && job.id === iterationId(job.schedulerId, scheduler.next);
}

function iterationId(schedulerId: string, millis: number): string {
  return `repeat:${schedulerId}:${millis}`;
}

/** When an `every` scheduler runs next, and its offset within the slots (getJobSchedulerEveryNextMillis.lua). */
export function nextEvery(
  previous: number | undefined,
  every: number,
  now: number,
  givenOffset: number,
  startDate: number | undefined,
): { next: number; offset: number } {
  let next: number;
  const offset = givenOffset;
  if (previous === undefined) {
    if (startDate !== undefined) next = Math.max(startDate, now);
    else if (offset > 0) {
      next = Math.floor(now / every) * every + offset;
      if (next <= now) next += every;
    } else next = now;
  } else {
    next = previous + every;
    if (next < now) {
      // Iterations were missed: on with the next slot, the offset kept.
      const aligned = Math.floor(now / every) * every + offset;
      next = aligned <= now ? aligned + every : aligned;
    }
  }
  return {
    next: Math.floor(next),
    offset: Math.floor(offset === 0 ? next - Math.floor(next / every) * every : offset),
  };
}

export interface SchedulerUpsert {
  id: string;
  nextMillis: number;
  data: string;
  templateOpts: JobsOptions;
  repeat: RepeatableOptions;
  jobOpts: JobsOptions;
}

/** Registers or changes a scheduler and plans its next job (addJobScheduler.lua): `[jobId, delay]` or a negative ErrorCode. */
export function upsertScheduler(
  session: Session,
  queue: QueueState,
  given: SchedulerUpsert,
): [jobId: string, delay: number] | number {
  const now = session.now();
  const { id, repeat, jobOpts } = given;
  ensureMaxEvents(session, queue);
  const known = readScheduler(session, queue, id);
  const { every } = repeat;
  let nextMillis = given.nextMillis;
  let newOffset = repeat.offset || repeatOffset(jobOpts);
  let everyChanged = false;
  if (every) {
    everyChanged = known !== undefined && Number(known.fields.every) !== every;
    const previous = everyChanged ? undefined : known?.next;
    const planned = nextEvery(previous, every, now, newOffset, repeat.startDate);
    nextMillis = planned.next;
    newOffset = planned.offset;
  }
  const removed = known !== undefined && removePlanned(session, queue, iterationId(id, known.next));
  const stored = { ...repeat };
  if (removed && known !== undefined) {
    if (every && !everyChanged) nextMillis = known.next;
  } else stored.offset = newOffset;

  let jobId = iterationId(id, nextMillis);
  if (session.jobs.head(queue.num, jobId) !== undefined) {
    if (!every) {
      if (!removed) return ErrorCode.SchedulerJobIdCollision;
    } else {
      // Finished jobs of an earlier scheduler of this name may hold several slots.
      let scans = 0;
      do {
        nextMillis += every;
        jobId = iterationId(id, nextMillis);
        scans += 1;
      } while (session.jobs.head(queue.num, jobId) !== undefined && scans < MAX_SLOT_SCANS);
      if (session.jobs.head(queue.num, jobId) !== undefined) return ErrorCode.SchedulerJobSlotsBusy;
    }
  }
  const delay = Math.max(0, nextMillis - now);
  const fields = schedulerFields(stored, known?.fields, given.templateOpts, given.data);
  session.queues.setScheduler(queue.num, id, nextMillis, JSON.stringify(fields));
  queue.idCounter += 1;
  queue.dirty = true;
  plan(session, queue, id, jobId, String(stored.name), given.data, jobOpts, now, delay);
  return [jobId, delay];
}

function repeatOffset(opts: JobsOptions): number {
  return (opts as { repeat?: { offset?: number } }).repeat?.offset || 0;
}

/** Takes a scheduler's planned job back, unless it is in work or done. */
function removePlanned(session: Session, queue: QueueState, jobId: string): boolean {
  const job = session.jobs.head(queue.num, jobId);
  if (job === undefined) return false;
  const removable =
    job.state === State.delayed ||
    job.state === State.prioritized ||
    // While a queue is paused Redis looks for it in a list that version 6 no longer uses.
    (job.state === State.wait && !session.isPaused(queue));
  if (removable) removeJob(session, queue, job, true, true);
  return removable;
}

function schedulerFields(
  repeat: RepeatableOptions,
  known: SchedulerFields | undefined,
  templateOpts: JobsOptions,
  data: string,
): SchedulerFields {
  const fields: SchedulerFields = { name: String(repeat.name) };
  for (const key of ['tz', 'limit', 'pattern', 'startDate', 'endDate', 'every'] as const) {
    if (repeat[key]) fields[key] = String(repeat[key]);
  }
  // Zero and null are values to Lua; only an absent offset is taken from the scheduler as it was.
  const offset = repeat.offset ?? known?.offset;
  if (offset !== undefined && offset !== null) fields.offset = String(offset);
  const opts = encodeTemplateOpts(templateOpts);
  if (opts !== '{}') fields.opts = opts;
  if (data && data !== '{}') fields.data = data;
  fields.ic = known?.ic ?? '1';
  return fields;
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  deduplication: 'de',
  failParentOnFailure: 'fpof',
  continueParentOnFailure: 'cpof',
  ignoreDependencyOnFailure: 'idof',
  keepLogs: 'kl',
  removeDependencyOnFailure: 'rdof',
};

/** A template's options as Redis keeps them: BullMQ reads them back with its own short names. */
function encodeTemplateOpts(opts: JobsOptions): string {
  const encoded: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(opts)) {
    if (value === undefined) continue;
    if (key === 'telemetry') {
      const { metadata, omitContext } = value as NonNullable<JobsOptions['telemetry']>;
      if (metadata !== undefined) encoded.tm = metadata;
      if (omitContext !== undefined) encoded.omc = omitContext;
    } else encoded[SHORT_NAMES[key] ?? key] = value;
  }
  return JSON.stringify(encoded);
}

/** The template's options as the user gave them. */
export function decodeTemplateOpts(json: string): JobsOptions {
  const long = new Map(Object.entries(SHORT_NAMES).map(([name, short]) => [short, name]));
  const { tm, omc, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const opts = Object.fromEntries(Object.entries(rest).map(([key, value]) => [long.get(key) ?? key, value]));
  if (tm !== undefined || omc !== undefined) {
    opts.telemetry = {
      ...(tm === undefined ? {} : { metadata: tm }),
      ...(omc === undefined ? {} : { omitContext: omc }),
    };
  }
  return opts;
}

/** Redis' encoding knows no null in an object: BullMQ's `repeat.offset: null` is not stored. */
function withoutNulls(opts: JobsOptions): JobsOptions {
  const { repeat } = opts as { repeat?: Record<string, unknown> };
  if (repeat === undefined) return opts;
  const known = Object.fromEntries(Object.entries(repeat).filter(([, value]) => value !== null));
  return { ...opts, repeat: known } as JobsOptions;
}

/** Adds a scheduler's job (addJobFromScheduler.lua). */
function plan(
  session: Session,
  queue: QueueState,
  schedulerId: string,
  jobId: string,
  name: string,
  data: string,
  opts: JobsOptions,
  now: number,
  delay: number,
): void {
  const job: NewJob = {
    id: jobId,
    name,
    data,
    opts: encodeOpts({ ...withoutNulls(opts), delay, jobId }),
    timestamp: now,
    delay,
    priority: opts.priority ?? 0,
    lifo: Boolean(opts.lifo),
    parentKey: null,
    parent: null,
    schedulerId,
    dedup: opts.deduplication?.id ? opts.deduplication : null,
    toWaitingChildren: false,
    deferParentRelease: false,
  };
  enqueue(session, queue, job, jobId, now);
}

export interface SchedulerAdvance {
  id: string;
  nextMillis: number;
  jobOpts: JobsOptions;
  /** Id of the job that has just been started; only the planned one may plan the next. */
  producerId: string | undefined;
}

/** Plans a scheduler's next job when its planned one starts (updateJobScheduler.lua): the new job's id, or null. */
export function advanceScheduler(
  session: Session,
  queue: QueueState,
  { id, nextMillis: wanted, jobOpts, producerId }: SchedulerAdvance,
): string | null {
  const known = readScheduler(session, queue, id);
  if (known === undefined) return null;
  const now = session.now();
  const repeat = (jobOpts as { repeat?: { every?: number; offset?: number } }).repeat;
  const every = Number(known.fields.every ?? repeat?.every ?? 0);
  let nextMillis = wanted;
  if (every) {
    const offset = Number(known.fields.offset ?? repeat?.offset ?? 0);
    const startDate = known.fields.startDate === undefined ? undefined : Number(known.fields.startDate);
    nextMillis = nextEvery(known.next, every, now, offset, startDate).next;
  }
  if (producerId !== iterationId(id, known.next)) return null;
  ensureMaxEvents(session, queue);
  const jobId = iterationId(id, nextMillis);
  if (session.jobs.head(queue.num, jobId) !== undefined) {
    session.emit(queue, 'duplicated', 'jobId', jobId);
    return null;
  }
  const fields = { ...known.fields, ic: String(Number(known.fields.ic ?? 0) + 1) };
  session.queues.setScheduler(queue.num, id, nextMillis, JSON.stringify(fields));
  queue.idCounter += 1;
  queue.dirty = true;
  const delay = Math.max(0, nextMillis - now);
  plan(session, queue, id, jobId, known.fields.name ?? '', known.fields.data ?? '{}', jobOpts, now, delay);
  return jobId;
}

/** Ends a scheduler and takes its planned job back if it is delayed (removeJobScheduler.lua): 0, or 1 when there was none. */
export function removeScheduler(session: Session, queue: QueueState, id: string): number {
  const known = readScheduler(session, queue, id);
  if (known === undefined) return 1;
  const planned = session.jobs.head(queue.num, iterationId(id, known.next));
  if (planned?.state === State.delayed) {
    deleteJob(session, queue, planned);
    session.emit(queue, 'removed', 'jobId', planned.id, 'prev', 'delayed');
  }
  session.queues.dropScheduler(queue.num, id);
  return 0;
}
