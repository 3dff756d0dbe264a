import { ErrorCode } from '../codes.ts';
import type { NewJob } from '../job-row.ts';
import { jobKey, type Located, locate, locateParent, parseParent } from '../keys.ts';
import { type QueueState, recount } from '../queue-state.ts';
import { Flag, INLINE_DATA_LIMIT, State, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import { deduplicate } from './dedup.ts';
import { ensureMaxEvents } from './events.ts';
import { addPending, addProcessed, releaseIfNoPending } from './parents.ts';
import { backScore, delayedScore, frontScore, priorityScore } from './place.ts';

/** Parents one of whose children belongs to another flow already; such a flow's parent is not let go (flowAttachmentFailed). */
export type Unattached = Set<string>;

/**
 * Adds a job in the state its options ask for (addStandardJob, addDelayedJob, addPrioritizedJob, addParentJob.lua).
 * @returns its id (that of the job that stands for it, if it is a duplicate), or a negative ErrorCode.
 */
export function addJob(
  session: Session,
  queue: QueueState,
  job: NewJob,
  unattached?: Unattached,
): string | number {
  let parent: Located | undefined;
  if (job.parentKey !== null) {
    session.forgetJobs();
    parent =
      job.parent === null ? locate(session, job.parentKey) : locateParent(session, parseParent(job.parent));
    if (parent === undefined) return ErrorCode.ParentJobNotExist;
  }
  queue.idCounter += 1;
  queue.dirty = true;
  ensureMaxEvents(session, queue);
  if (job.id !== '' && (job.dedup !== null || parent !== undefined)) {
    const taken = session.jobs.head(queue.num, job.id);
    if (taken !== undefined) return addAgain(session, { queue, job: taken }, job, parent, unattached);
  }
  let id = job.id === '' ? String(queue.idCounter) : job.id;
  if (job.dedup !== null) {
    session.forgetJobs();
    const standing = deduplicate(session, queue, job, id);
    if (standing !== undefined) return standing;
  }
  while (!enqueue(session, queue, job, id, job.timestamp)) {
    if (job.id !== '') {
      session.forgetJobs();
      const taken = session.jobs.head(queue.num, id);
      if (taken === undefined) throw new Error(`Job ${id} can neither be added nor found`);
      return addAgain(session, { queue, job: taken }, job, parent, unattached);
    }
    // Somebody chose a number for an id; the counter goes on to the next.
    queue.idCounter += 1;
    id = String(queue.idCounter);
  }
  if (parent !== undefined) addPending(session, parent, jobKey(queue, id));
  return id;
}

/** Stores a job and puts it where its options say; returns false, with nothing changed, when the id is taken. */
export function enqueue(
  session: Session,
  queue: QueueState,
  job: NewJob,
  id: string,
  timestamp: number,
): boolean {
  if (job.toWaitingChildren) {
    if (!store(session, queue, job, id, State.waitingChildren, timestamp, timestamp)) return false;
    session.emit(queue, 'waiting-children', 'jobId', id);
  } else if (job.delay > 0) {
    const [score, due] = delayedScore(session, queue, timestamp, job.delay);
    if (!store(session, queue, job, id, State.delayed, score, timestamp)) return false;
    session.emit(queue, 'delayed', 'jobId', id, 'delay', String(due));
  } else {
    const prioritized = job.priority > 0;
    const state = prioritized ? State.prioritized : State.wait;
    const score = prioritized
      ? priorityScore(queue, job.priority)
      : job.lifo
        ? frontScore(queue)
        : backScore(queue);
    if (!store(session, queue, job, id, state, score, timestamp)) return false;
    session.emit(queue, 'waiting', 'jobId', id);
  }
  return true;
}

function store(
  session: Session,
  queue: QueueState,
  job: NewJob,
  id: string,
  state: StateCode,
  score: number,
  timestamp: number,
): boolean {
  if (!hold(session, queue, job, id, state, score, timestamp)) {
    const inline = job.data.length <= INLINE_DATA_LIMIT;
    const row = session.jobs.insert(
      queue.num,
      id,
      state,
      score,
      inline ? 0 : Flag.payload,
      job.name,
      timestamp,
      job.delay,
      job.priority,
      job.parentKey,
      job.parent,
      job.schedulerId,
      job.dedup?.id ?? null,
      job.opts,
      inline ? job.data : null,
    );
    if (row === undefined) return false;
    if (!inline) session.jobs.setPayload(row, job.data);
  }
  recount(queue, null, state);
  session.emit(queue, 'added', 'jobId', id, 'name', job.name);
  return true;
}

/** Puts a job that has nothing special about it among those written many at a time; false when it must be written alone. */
function hold(
  session: Session,
  queue: QueueState,
  job: NewJob,
  id: string,
  state: StateCode,
  score: number,
  timestamp: number,
): boolean {
  const plain =
    (state === State.wait || state === State.prioritized) &&
    job.delay === 0 &&
    job.parentKey === null &&
    job.parent === null &&
    job.schedulerId === null &&
    job.dedup === null &&
    job.data.length <= INLINE_DATA_LIMIT;
  return (
    plain &&
    session.jobs.held.take(queue.num, id, state, score, job.name, timestamp, job.priority, job.opts, job.data)
  );
}

/** The id is taken: the job stands, but may get a parent it had not (handleDuplicatedJob.lua). */
function addAgain(
  session: Session,
  standing: Located,
  job: NewJob,
  parent: Located | undefined,
  unattached: Unattached | undefined,
): string | number {
  session.forgetJobs();
  const { queue, job: current } = standing;
  const known = current.parentKey;
  if (known === null || known === job.parentKey || locate(session, known) === undefined) {
    if (parent !== undefined) adopt(session, standing, job, parent);
  } else if (job.parentKey !== null) {
    if (job.deferParentRelease) unattached?.add(job.parentKey);
    return ErrorCode.ParentJobCannotBeReplaced;
  }
  session.emit(queue, 'duplicated', 'jobId', current.id);
  return current.id;
}

/** Makes a job that exists already a child of a new parent (updateExistingJobsParent.lua). */
function adopt(session: Session, { queue, job: current }: Located, job: NewJob, parent: Located): void {
  const key = jobKey(queue, current.id);
  if (current.state === State.completed) {
    const value = session.jobs.returnValue(current.row) ?? 'null';
    addProcessed(session, parent, key, value);
    if (!job.deferParentRelease) releaseIfNoPending(session, parent, job.timestamp);
  } else addPending(session, parent, key);
  session.jobs.update(current.row, { parent_key: job.parentKey, parent: job.parent });
}
