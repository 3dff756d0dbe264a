import { readJob, rowNumber } from '../job-row.ts';
import { jobKey, type Located, locate } from '../keys.ts';
import { START } from '../ops/clean.ts';
import { endDedupOnRemoval } from '../ops/dedup.ts';
import { stateName } from '../ops/getters.ts';
import { DELAY_SCALE } from '../ops/place.ts';
import { deleteJob } from '../ops/remove-job.ts';
import { isNextOfScheduler } from '../ops/scheduler.ts';
import type { QueueState } from '../queue-state.ts';
import { ChildKind, Flag, State, type StateCode } from '../schema.ts';
import type { Session } from '../session.ts';
import type { JobHead } from '../sql/jobs.ts';
import type { Row } from '../sql/prepare.ts';
import type { Steps } from '../store.ts';
import type { Place, TakenJob, TakenUnit } from './taken.ts';

/** What is worked on first goes first: flows before delayed jobs, because their leaves wait already. */
const ORDER: readonly StateCode[] = [State.wait, State.prioritized, State.waitingChildren, State.delayed];
/** Jobs looked at at once. */
const PAGE = 100;

/** @internal */
export interface TakenOut {
  units: TakenUnit[];
  /** Where the walk stopped because the limit was reached; undefined = at the queue's end. */
  next: Place | undefined;
}

/**
 * Takes up to `limit` jobs of a queue out of the file, in the order they would be worked on: jobs that wait, have a
 * priority or are delayed and belong to no flow, and flows (with all their nodes, in whatever queues) none of whose
 * nodes has started. All others stay and finish here: jobs that are active or finished, flows that have started, a
 * scheduler's planned job (it goes with its scheduler), and a job that has de-duplicated another one while it ran,
 * which is to run after it. Events tell nothing of it: to the user the jobs are still in their queue.
 *
 * A flow is never split, so that the last unit may exceed the limit.
 */
export function* takeOut(
  session: Session,
  name: string,
  limit: number,
  stays: ReadonlySet<string>,
  from: Place | undefined,
): Steps<TakenOut> {
  session.forgetJobs();
  const units: TakenUnit[] = [];
  if (session.queue(name).num === 0) return { units, next: undefined };
  const queue = session.writable(name);
  let jobs = 0;
  let place = from;
  for (const state of ORDER.slice(from === undefined ? 0 : ORDER.indexOf(from.state as StateCode))) {
    let page: JobHead[];
    do {
      const { score, id } = place ?? START;
      page = session.jobs.headsAfter(queue.num, state, score, id, Math.min(PAGE, Math.max(limit - jobs, 1)));
      for (const job of page) {
        if (jobs >= limit) return { units, next: place };
        place = { state, score: job.score, id: job.id };
        const nodes = stays.has(jobKey(queue, job.id)) ? undefined : yield* unitOf(session, { queue, job });
        if (nodes === undefined) continue;
        const unit: TakenUnit = { jobs: [] };
        for (const node of nodes) {
          unit.jobs.push(takeJob(session, node));
          yield;
        }
        units.push(unit);
        jobs += nodes.length;
      }
    } while (page.length > 0);
    place = undefined;
  }
  return { units, next: undefined };
}

/** What moves with this job; undefined when it stays. */
function* unitOf(session: Session, target: Located): Steps<readonly Located[] | undefined> {
  yield;
  const { queue, job } = target;
  if (job.parentKey !== null) return undefined;
  if (job.state === State.waitingChildren) return yield* unstartedFlow(session, target);
  if ((job.flags & Flag.children) !== 0 || isNextOfScheduler(session, queue, job)) return undefined;
  return hasFollower(session, queue, job) ? undefined : [target];
}

/** While it ran, another job was de-duplicated that is to run after it (keepLastIfActive). */
function hasFollower(session: Session, queue: QueueState, job: JobHead): boolean {
  if (job.dedupId === null || session.queues.dedupNext(queue.num, job.dedupId) === undefined) return false;
  return session.queues.dedup(queue.num, job.dedupId)?.[0] === job.id;
}

/** All nodes of a flow, parents first, then the leaves in the order they wait; undefined when one has started. */
function* unstartedFlow(session: Session, root: Located): Steps<readonly Located[] | undefined> {
  const parents: Located[] = [root];
  const leaves: Located[] = [];
  // Each parent may add further ones, so this is level by level.
  for (const parent of parents) {
    const { row, id } = parent.job;
    if (!isFresh(parent.job) || hasEndedChildren(session, row)) return undefined;
    const children = session.flows.children(row, ChildKind.pending);
    // Without one, it waits for children yet to come.
    if (children.length === 0) return undefined;
    const key = jobKey(parent.queue, id);
    for (const [childKey] of children) {
      yield;
      const child = locate(session, String(childKey));
      if (child === undefined || child.job.parentKey !== key) return undefined;
      if (child.job.state === State.waitingChildren) parents.push(child);
      else if (isFresh(child.job) && isOpenLeaf(child.job)) leaves.push(child);
      else return undefined;
    }
  }
  return [...parents, ...leaves.sort(inOrder)];
}

/** No worker has ever had it. */
function isFresh(job: JobHead): boolean {
  return job.processedOn === null && job.attemptsMade === 0 && job.stalledCount === 0;
}

function isOpenLeaf(job: JobHead): boolean {
  const open = job.state === State.wait || job.state === State.prioritized || job.state === State.delayed;
  return open && (job.flags & Flag.children) === 0;
}

function hasEndedChildren(session: Session, parent: number): boolean {
  const { processed, ignored, unsuccessful } = ChildKind;
  return [processed, ignored, unsuccessful].some(kind => session.flows.anyChild(parent, kind));
}

function inOrder(a: Located, b: Located): number {
  return (
    a.queue.num - b.queue.num ||
    ORDER.indexOf(a.job.state) - ORDER.indexOf(b.job.state) ||
    a.job.score - b.job.score ||
    Buffer.compare(Buffer.from(a.job.id), Buffer.from(b.job.id))
  );
}

/** Reads all of a job and deletes it. Parents go before their children, so none is left to be let go. */
export function takeJob(session: Session, { queue, job }: Located): TakenJob {
  const row = session.jobs.full(queue.num, job.id) as Row;
  const logs =
    (job.flags & Flag.logs) === 0 ? [] : session.flows.logs(rowNumber(row), 1, Number.MAX_SAFE_INTEGER);
  const taken: TakenJob = {
    queue: queue.name,
    id: job.id,
    job: { ...readJob(session, row), id: job.id },
    state: stateName(job.state) as TakenJob['state'],
    due: job.state === State.delayed ? Math.floor(job.score / DELAY_SCALE) : null,
    front: job.state === State.wait && job.score < 0,
    dedup: heldKey(session, queue, job),
    logs,
    score: job.score,
  };
  if (job.dedupId !== null) endDedupOnRemoval(session, queue, job.dedupId, job.id);
  deleteJob(session, queue, job);
  return taken;
}

function heldKey(session: Session, queue: QueueState, job: JobHead): TakenJob['dedup'] {
  if (job.dedupId === null) return null;
  const [holder, until] = session.queues.dedup(queue.num, job.dedupId) ?? [];
  if (holder !== job.id) return null;
  return { id: job.dedupId, until: until === null ? null : Number(until) };
}
