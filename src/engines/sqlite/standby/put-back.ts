import { encodeOpts } from '../job-row.ts';
import { jobKey, locate, locateParent, type ParentRef } from '../keys.ts';
import { readDedup } from '../ops/dedup.ts';
import { stateByName } from '../ops/getters.ts';
import { addPending } from '../ops/parents.ts';
import { recount } from '../queue-state.ts';
import { Flag, INLINE_DATA_LIMIT, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import { encodeText } from '../sql/free-text.ts';
import type { Value } from '../sql/prepare.ts';
import type { Steps } from '../store.ts';
import type { TakenJob, TakenUnit } from './taken.ts';

/**
 * Puts what was taken out back to where it was: the way to the primary is closed again. A job or scheduler whose id is
 * taken by now stays out, the one in the file stands; so does a de-duplication key another job holds.
 *
 * @returns how many jobs were put back.
 */
export function* putBack(session: Session, units: readonly TakenUnit[]): Steps<number> {
  session.forgetJobs();
  let jobs = 0;
  for (const { jobs: nodes, scheduler } of units) {
    for (const node of nodes) {
      if (restore(session, node)) jobs += 1;
      yield;
    }
    if (scheduler === undefined) continue;
    const queue = session.writable(scheduler.queue);
    if (session.queues.scheduler(queue.num, scheduler.id) !== undefined) continue;
    session.queues.setScheduler(queue.num, scheduler.id, scheduler.next, JSON.stringify(scheduler.fields));
    queue.dirty = true;
  }
  return jobs;
}

function restore(session: Session, taken: TakenJob): boolean {
  const { id, job, dedup, logs } = taken;
  const queue = session.writable(taken.queue);
  const state = stateByName(taken.state) as StateCode;
  const inline = job.data.length <= INLINE_DATA_LIMIT;
  const flags = (inline ? 0 : Flag.payload) | (logs.length > 0 ? Flag.logs : 0);
  const row = session.jobs.insert(
    queue.num,
    id,
    state,
    taken.score,
    flags,
    job.name,
    job.timestamp,
    job.delay ?? 0,
    job.priority ?? 0,
    job.parentKey ?? null,
    job.parent === undefined ? null : JSON.stringify(job.parent),
    job.repeatJobKey ?? null,
    job.deduplicationId ?? null,
    encodeOpts(job.opts),
    inline ? job.data : null,
  );
  if (row === undefined) return false;
  if (!inline) session.jobs.setPayload(row, job.data);
  session.jobs.update(row, history(taken));
  recount(queue, null, state);
  for (const line of logs) session.flows.addLog(row, line);
  if (dedup !== null && readDedup(session, queue, dedup.id) === undefined) {
    session.queues.setDedup(queue.num, dedup.id, id, dedup.until);
  }
  if (job.parentKey === undefined) return true;
  // Parents stand before their children, so it is there already.
  const parent =
    job.parent === undefined
      ? locate(session, job.parentKey)
      : locateParent(session, job.parent as ParentRef);
  if (parent !== undefined) addPending(session, parent, jobKey(queue, id));
  return true;
}

/** What the job has been through, as columns. */
function history({ job }: TakenJob): Record<string, Value> {
  return {
    attempts_started: job.attemptsStarted,
    attempts_made: job.attemptsMade,
    stalled_count: job.stalledCounter,
    processed_on: job.processedOn ?? null,
    processed_by: job.processedBy ?? null,
    deferred_failure: job.deferredFailure ?? null,
    progress: JSON.stringify(job.progress),
    return_value: job.returnvalue ?? null,
    failed_reason: job.failedReason === undefined ? null : encodeText(job.failedReason),
    stacktrace: job.stacktrace ?? null,
  };
}
