import type { FlowJob } from 'bullmq';
import type { Lab, LabQueue, LabWorker } from '../lab.ts';

/** A queue with its manual worker. */
export interface Bench {
  queue: LabQueue;
  worker: LabWorker;
}

/** Puts four jobs into one state; ids are `j1` to `j4` in the order they got there. */
export async function fourIn(lab: Lab, state: string, label = 'q'): Promise<Bench> {
  const queue = lab.queue({}, label);
  const worker = lab.worker(null, {}, label);
  const ids = ['j1', 'j2', 'j3', 'j4'];
  if (state === 'waiting-children') {
    const flow = lab.flow();
    for (const jobId of ids) {
      await flow.add({
        name: jobId,
        queueName: queue.name,
        opts: { jobId },
        children: [{ name: 'child', queueName: lab.name('children'), opts: { jobId: `of-${jobId}` } }],
      });
    }
    return { queue, worker };
  }
  const options = { delayed: { delay: 600_000, timestamp: lab.startedAt }, prioritized: { priority: 7 } };
  const extra = options[state as keyof typeof options] ?? {};
  for (const jobId of ids) await queue.add(jobId, {}, { ...extra, jobId });
  if (state === 'wait' || state in options) return { queue, worker };
  for (const _ of ids) {
    const job = await lab.take(worker);
    if (state === 'completed') await job.moveToCompleted('ok', 't', false);
    if (state === 'failed') await job.moveToFailed(new Error('broken'), 't', false);
  }
  return { queue, worker };
}

/** One job named `name` in the given state, `known` as its id; locked with token `t` when active. */
export async function oneIn(lab: Lab, state: string, opts: object = {}): Promise<Bench> {
  const queue = lab.queue();
  const worker = lab.worker();
  const jobId = 'known';
  if (state === 'waiting-children') {
    await lab.flow().add({
      name: 'known',
      queueName: queue.name,
      opts: { ...opts, jobId },
      children: [{ name: 'child', queueName: lab.name('children'), opts: { jobId: 'child' } }],
    });
    return { queue, worker };
  }
  if (state === 'missing') return { queue, worker };
  const extra =
    state === 'delayed' ? { delay: 600_000 } : state === 'prioritized' ? { priority: 7 } : { ...opts };
  await queue.add('known', {}, { ...opts, ...extra, jobId });
  if (['active', 'completed', 'failed'].includes(state)) {
    const job = await lab.take(worker);
    if (state === 'completed') await job.moveToCompleted({ fine: true }, 't', false);
    if (state === 'failed') await job.moveToFailed(new Error('broken'), 't', false);
  }
  return { queue, worker };
}

/** Every state a job can be in, and none. */
export const everyState = [
  'wait',
  'prioritized',
  'delayed',
  'active',
  'waiting-children',
  'completed',
  'failed',
  'missing',
] as const;

/** Two queues, one for parents and one for children, with a manual worker each. */
export function pair(lab: Lab) {
  const parents = lab.queue({}, 'parents');
  const children = lab.queue({}, 'children');
  return {
    parents,
    children,
    parentWorker: lab.worker(null, {}, 'parents'),
    childWorker: lab.worker(null, {}, 'children'),
    flow: lab.flow(),
    where: async () => ({ parents: await lab.where(parents), children: await lab.where(children) }),
  };
}

/** A parent `p` with children of the given ids and options. */
export function tree(
  parents: LabQueue,
  children: LabQueue,
  ids: readonly string[],
  childOpts: object = {},
  parentOpts: object = {},
): FlowJob {
  return {
    name: 'p',
    queueName: parents.name,
    data: { parent: true },
    opts: { jobId: 'p', ...parentOpts },
    children: ids.map(id => ({
      name: id,
      queueName: children.name,
      data: { id },
      opts: { jobId: id, ...childOpts },
    })),
  };
}

/** All that is known of a job's children, as a user sees it. */
export async function dependencies(lab: Lab, queue: LabQueue, id: string) {
  const job = await queue.getJob(id);
  if (!job) return 'missing';
  const all = await job.getDependencies();
  return lab.scrub({
    counts: await job.getDependenciesCount(),
    all: { ...all, unprocessed: all.unprocessed?.sort() },
    values: await job.getChildrenValues(),
    ignored: await job.getIgnoredChildrenFailures(),
  });
}

/** A scheduler with its times told as relations, since they depend on the clock.
 * After a change of interval the offset is the old one's, and says nothing (`slots` false). */
export async function scheduler(lab: Lab, queue: LabQueue, id: string, slots = true) {
  const found = await queue.getJobScheduler(id);
  if (!found) return 'missing';
  const { next, offset, ...rest } = found;
  const every = found.every;
  return lab.scrub({
    ...rest,
    next: next === undefined || next === null ? String(next) : next > lab.startedAt - 1_000 ? 'set' : 'past',
    offset: offset === undefined ? 'none' : every && next ? 'of the slot' : 'set',
    offsetMatches: !slots
      ? undefined
      : every && next && offset !== undefined
        ? (next - offset) % every === 0
        : 'no slots',
  });
}

/** How long a call took and what it answered. */
export async function timed<T>(work: Promise<T>): Promise<{ answer: T; ms: number }> {
  const began = performance.now();
  const answer = await work;
  return { answer, ms: performance.now() - began };
}

/** Who holds the de-duplication key `d`, and where the jobs are. */
export async function picture(lab: Lab, queue: LabQueue) {
  return { key: String(await queue.getDeduplicationJobId('d')), where: await lab.where(queue) };
}
