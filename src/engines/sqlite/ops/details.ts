import type { DependenciesOpts } from 'bullmq';
import { ErrorCode } from '../codes.ts';
import type { QueueState } from '../queue-state.ts';
import { ChildKind, type ChildKindCode, Flag, INLINE_DATA_LIMIT, State } from '../schema.ts';
import type { Session } from '../session.ts';
import type { Row } from '../sql/prepare.ts';
import { ensureMaxEvents } from './events.ts';
import { redisWindow } from './getters.ts';

/** Replaces a job's data (updateData.lua). */
export function updateData(session: Session, queue: QueueState, id: string, data: string): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  const inline = data.length <= INLINE_DATA_LIMIT;
  if (inline) {
    session.jobs.update(job.row, { data, flags: job.flags & ~Flag.payload });
    if ((job.flags & Flag.payload) !== 0) session.jobs.dropPayload(job.row);
  } else {
    session.jobs.setPayload(job.row, data);
    session.jobs.update(job.row, { data: null, flags: job.flags | Flag.payload });
  }
  return 0;
}

/** Sets a job's progress, JSON text (updateProgress.lua). */
export function updateProgress(session: Session, queue: QueueState, id: string, progress: string): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  // What is known of active jobs doesn't include their progress; what was read ahead of waiting ones does.
  if (job.state !== State.active) session.forgetJobs();
  session.jobs.update(job.row, { progress });
  ensureMaxEvents(session, queue);
  session.emit(queue, 'progress', 'jobId', id, 'data', progress);
  return 0;
}

/** Appends a line to a job's log; with `keep`, only the newest lines stay (addLog.lua). Returns how many there are. */
export function addLog(
  session: Session,
  queue: QueueState,
  id: string,
  line: string,
  keep: number | undefined,
): number {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return ErrorCode.JobNotExist;
  if ((job.flags & Flag.logs) === 0) session.jobs.update(job.row, { flags: job.flags | Flag.logs });
  session.flows.addLog(job.row, line);
  const [first, last] = session.flows.logBounds(job.row);
  const lines = last - first + 1;
  if (!keep) return lines;
  if (lines > keep) session.flows.trimLogs(job.row, last - keep);
  return Math.min(keep, lines);
}

export function clearLogs(session: Session, queue: QueueState, id: string, keep: number | undefined): void {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return;
  if (keep) session.flows.trimLogs(job.row, session.flows.logBounds(job.row)[1] - keep);
  else session.flows.dropLogs(job.row);
}

/** A window of a job's log as getJobLogs cuts it: descending windows count from the newest line. */
export function readLogs(
  session: Session,
  queue: QueueState,
  id: string,
  start: number,
  end: number,
  asc: boolean,
): { logs: string[]; count: number } {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return { logs: [], count: 0 };
  const [first, last] = session.flows.logBounds(job.row);
  const count = last - first + 1;
  const { offset, size } = asc
    ? redisWindow(start, end, count)
    : redisWindow(-(end + 1), -(start + 1), count);
  const logs = size === 0 ? [] : session.flows.logs(job.row, first + offset, first + offset + size - 1);
  return { logs: asc ? logs : logs.reverse(), count };
}

const KIND_BY_NAME: Readonly<Record<string, ChildKindCode>> = {
  processed: ChildKind.processed,
  unprocessed: ChildKind.pending,
  ignored: ChildKind.ignored,
};

export function dependencyCounts(
  session: Session,
  queue: QueueState,
  id: string,
  types: readonly string[],
): number[] {
  const job = session.jobs.head(queue.num, id);
  return types.map(type =>
    job === undefined
      ? 0
      : session.flows.countChildren(job.row, KIND_BY_NAME[type] ?? ChildKind.unsuccessful),
  );
}

/** A parent's children of a kind as `key -> value`. */
export function childValues(
  session: Session,
  queue: QueueState,
  id: string,
  kind: ChildKindCode,
): Record<string, string> {
  const job = session.jobs.head(queue.num, id);
  if (job === undefined) return {};
  return Object.fromEntries(session.flows.children(job.row, kind).map(([key, value]) => [key, value]));
}

export interface Dependencies {
  processed?: Record<string, unknown>;
  nextProcessedCursor?: number;
  unprocessed?: string[];
  nextUnprocessedCursor?: number;
  ignored?: Record<string, string>;
  nextIgnoredCursor?: number;
  failed?: string[];
  nextFailedCursor?: number;
}

/** A parent's children, all of them or by pages of each kind. A cursor of 0 means there is no further page. */
export function dependencies(
  session: Session,
  queue: QueueState,
  id: string,
  opts: DependenciesOpts,
): Dependencies {
  const row = session.jobs.head(queue.num, id)?.row ?? 0;
  const { flows } = session;
  const parse = (rows: readonly (readonly unknown[])[]) =>
    Object.fromEntries(rows.map(([key, value]) => [String(key), JSON.parse(String(value)) as unknown]));
  const plain = (rows: readonly (readonly unknown[])[]) =>
    Object.fromEntries(rows.map(([key, value]) => [String(key), String(value)]));
  const keys = (rows: readonly (readonly unknown[])[]) => rows.map(([key]) => String(key));
  if (!opts.processed && !opts.unprocessed && !opts.ignored && !opts.failed) {
    return {
      processed: parse(flows.children(row, ChildKind.processed)),
      unprocessed: keys(flows.children(row, ChildKind.pending)),
      failed: keys(flows.childrenByScore(row, ChildKind.unsuccessful, -1, 0)),
      ignored: plain(flows.children(row, ChildKind.ignored)),
    };
  }
  const result: Dependencies = {};
  const page = (kind: ChildKindCode, { cursor = 0, count = 20 }: { cursor?: number; count?: number }) => {
    const whole = kind === ChildKind.pending ? undefined : smallHash(flows, row, kind);
    if (whole !== undefined) return { rows: whole, next: 0 };
    const rows = flows.childrenPage(row, kind, count + 1, cursor);
    return { rows: rows.slice(0, count), next: rows.length > count ? cursor + count : 0 };
  };
  if (opts.processed) {
    const { rows, next } = page(ChildKind.processed, opts.processed);
    result.processed = parse(rows);
    result.nextProcessedCursor = next;
  }
  if (opts.ignored) {
    const { rows, next } = page(ChildKind.ignored, opts.ignored);
    result.ignored = plain(rows);
    result.nextIgnoredCursor = next;
  }
  if (opts.failed) {
    const { cursor = 0, count = 20 } = opts.failed;
    // As Redis is asked for them: the ranks from `cursor` to `count - 1`, and always a next cursor.
    const { offset, size } = redisWindow(cursor, count - 1, flows.countChildren(row, ChildKind.unsuccessful));
    result.failed = keys(flows.childrenByScore(row, ChildKind.unsuccessful, size, offset));
    result.nextFailedCursor = cursor + count;
  }
  if (opts.unprocessed) {
    const { rows, next } = page(ChildKind.pending, opts.unprocessed);
    result.unprocessed = keys(rows);
    result.nextUnprocessedCursor = next;
  }
  return result;
}

/** What Redis keeps as a listpack by default (hash-max-listpack-entries and -value), and HSCAN then answers whole. */
const SMALL_ENTRIES = 128;
const SMALL_BYTES = 64;

/** Finished children if they are a small hash to Redis, which gives them whole whatever `count` and `cursor` say. */
function smallHash(flows: Session['flows'], parent: number, kind: ChildKindCode): Row[] | undefined {
  const rows = flows.childrenPage(parent, kind, SMALL_ENTRIES + 1, 0);
  const isSmall = (part: unknown) => Buffer.byteLength(String(part)) <= SMALL_BYTES;
  return rows.length <= SMALL_ENTRIES && rows.every(row => row.every(isSmall)) ? rows : undefined;
}
