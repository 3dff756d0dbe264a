import type { DeduplicationOptions, JobJson, JobsOptions } from 'bullmq';
import { SpillwayError } from '../../shared/errors.ts';
import { Flag } from './schema.ts';
import type { Session } from './session.ts';
import { decodeText, encodeText } from './sql/free-text.ts';
import { number, type Row, text } from './sql/prepare.ts';

/** A job on its way into the file: checked and encoded before its transaction begins. */
export interface NewJob {
  /** Empty = the queue's counter names it. */
  id: string;
  name: string;
  data: string;
  opts: string;
  timestamp: number;
  delay: number;
  priority: number;
  lifo: boolean;
  parentKey: string | null;
  /** The parent as JSON `{id, queueKey, fpof?, cpof?, idof?, rdof?}`. */
  parent: string | null;
  schedulerId: string | null;
  dedup: DeduplicationOptions | null;
  /** It has children of its own to wait for. */
  toWaitingChildren: boolean;
  /** Part of a flow that is still being added: its parent is not let go before the whole tree is in. */
  deferParentRelease: boolean;
}

export interface ParentLink {
  parentKey?: string | undefined;
  parentDependenciesKey?: string | undefined;
  addToWaitingChildren?: boolean | undefined;
  deferParentRelease?: boolean | undefined;
}

/** BullMQ's PRIORITY_LIMIT. */
const MAX_PRIORITY = 2 ** 21 - 1;

/**
 * Checks and encodes a job.
 * @throws SpillwayError SPILLWAY_INVALID_JOB for numbers Redis would take but no one can mean: a delay or timestamp
 *   that is not finite, a priority outside 0 to 2097151.
 */
export function newJob(job: JobJson, jobId: string | undefined, link: ParentLink = {}): NewJob {
  const opts = job.opts ?? {};
  const priority = opts.priority ?? 0;
  const delay = opts.delay ?? 0;
  if (typeof delay !== 'number' || !Number.isFinite(delay))
    throw invalid('delay', 'a finite number of ms', delay);
  if (!Number.isInteger(priority) || priority < 0 || priority > MAX_PRIORITY) {
    throw invalid('priority', `a whole number from 0 to ${MAX_PRIORITY}`, priority);
  }
  if (!Number.isFinite(job.timestamp)) throw invalid('timestamp', 'milliseconds since 1970', job.timestamp);
  return {
    id: jobId === undefined || jobId === null ? '' : String(jobId),
    name: String(job.name),
    data: job.data,
    opts: encodeOpts(opts),
    timestamp: job.timestamp,
    delay,
    priority,
    lifo: Boolean(opts.lifo),
    parentKey: job.parentKey || null,
    parent: job.parent === undefined ? null : JSON.stringify(job.parent),
    schedulerId: job.repeatJobKey ?? null,
    dedup: opts.deduplication?.id ? opts.deduplication : null,
    toWaitingChildren: link.addToWaitingChildren === true,
    deferParentRelease: link.deferParentRelease === true,
  };
}

function invalid(option: string, range: string, received: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_JOB',
    `Job option ${option} must be ${range}; received ${String(received)}. Nothing was added.`,
    { details: { option, range } },
  );
}

/** Of `telemetry` Redis keeps these two fields only; everything else is stored as it is. */
export function encodeOpts(opts: JobsOptions): string {
  if (opts.telemetry === undefined) return JSON.stringify(opts);
  const { metadata, omitContext } = opts.telemetry;
  const { telemetry: _, ...rest } = opts;
  if (metadata === undefined && omitContext === undefined) return JSON.stringify(rest);
  return JSON.stringify({ ...rest, telemetry: { metadata, omitContext } });
}

/** The row number of a full row. */
export function rowNumber(row: Row): number {
  return row[0] as number;
}

/** A stored job (columns of `JobSql.full`) as BullMQ wants it. */
export function readJob(session: Session, row: Row): JobJson {
  const flags = row[2] as number;
  const opts = JSON.parse(row[22] as string) as JobsOptions;
  // Like Redis' hash it doesn't hold its own id: BullMQ knows it from the key it asked for.
  const job: Omit<JobJson, 'id'> = {
    name: decodeText(row[3] as string),
    data: (flags & Flag.payload) === 0 ? (row[23] as string) : session.jobs.payload(rowNumber(row)),
    opts,
    progress: JSON.parse((row[18] as string | null) ?? '0') as JobJson['progress'],
    delay: Math.trunc(row[5] as number),
    priority: row[6] as number,
    timestamp: Math.trunc(row[4] as number),
    attemptsStarted: row[7] as number,
    attemptsMade: row[8] as number,
    stalledCounter: row[9] as number,
    failedReason: row[20] === null ? (null as unknown as string) : decodeText(row[20] as string),
    returnvalue: row[19] as string,
  };
  // Most jobs have none of these; a field that Redis' hash lacks must be absent or undefined, not null.
  const optional: Partial<JobJson> = job;
  if (row[20] === null) optional.failedReason = undefined as unknown as string;
  if (row[19] === null) optional.returnvalue = undefined as unknown as string;
  const finishedOn = number(row[11]);
  if (finishedOn !== null) job.finishedOn = finishedOn;
  const processedOn = number(row[10]);
  if (processedOn !== null) job.processedOn = processedOn;
  const parentKey = text(row[12]);
  if (parentKey !== null) job.parentKey = parentKey;
  const parent = text(row[13]);
  if (parent !== null) job.parent = JSON.parse(parent) as NonNullable<JobJson['parent']>;
  const schedulerId = text(row[14]);
  if (schedulerId !== null) job.repeatJobKey = schedulerId;
  const dedupId = text(row[15]);
  if (dedupId !== null) {
    job.deduplicationId = dedupId;
    job.debounceId = dedupId;
  }
  const processedBy = text(row[16]);
  if (processedBy !== null) job.processedBy = processedBy;
  const deferredFailure = text(row[17]);
  if (deferredFailure !== null) job.deferredFailure = deferredFailure;
  const stacktrace = text(row[21]);
  if (stacktrace !== null) job.stacktrace = stacktrace;
  return job as JobJson;
}

/** The id of a full row. */
export function rowId(row: Row): string {
  return row[1] as string;
}

/** Whether finishing this row needs no look at parents, children, log lines or de-duplication. */
export function isPlain(row: Row): boolean {
  const apart = (row[2] as number) & (Flag.children | Flag.logs);
  return apart === 0 && row[12] === null && row[15] === null && row[17] === null;
}

/** Attempts made so far, of a full row. */
export function attemptsMade(row: Row): number {
  return row[8] as number;
}

/** The fields BullMQ updates along with a move (`fieldsToUpdate`), as columns; it knows no others that are ever read back. */
export function fieldColumns(fields: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  const columns: Record<string, string> = {};
  if (fields?.failedReason !== undefined) columns.failed_reason = encodeText(String(fields.failedReason));
  if (fields?.stacktrace !== undefined) columns.stacktrace = String(fields.stacktrace);
  return columns;
}
