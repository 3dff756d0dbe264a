import { Job, type JobsOptions } from 'bullmq';
import type { Command, Side } from './commands.ts';

type Step = (side: Side, command: Command) => Promise<unknown>;
const far = 100_000_000;
const idOf = ({ ids }: Side, { job }: Command) => ids[job % Math.max(1, ids.length)] ?? 'nobody';
const backend = (side: Side) => side.queue.getBackend();
const tick = (side: Side) => side.lab.pass(2);
const token = ({ n }: Command) => (n % 7 === 0 ? 'wrong' : 't');
const start = 4_000_000_000_000;
async function withJob(side: Side, command: Command, work: (job: Job) => Promise<unknown>): Promise<unknown> {
  const job = await Job.fromId(side.worker, idOf(side, command));
  return job ? work(job) : 'no such job';
}
const policies = [
  {},
  { failParentOnFailure: true },
  { ignoreDependencyOnFailure: true },
  { continueParentOnFailure: true },
  { removeDependencyOnFailure: true },
];
const note = (side: Side, id: string | undefined) => {
  if (id && !side.ids.includes(id)) side.ids.push(id);
  return id;
};
const keeps: JobsOptions[] = [
  { removeOnComplete: { age: 0 }, removeOnFail: { age: 0 } },
  { removeOnComplete: { age: 3600, count: 1 }, removeOnFail: { age: 3600, count: 1 } },
  { removeOnComplete: { age: 0, limit: 1 }, removeOnFail: { age: 0, limit: 1 } },
  { removeOnComplete: true, removeOnFail: true },
  {},
];
const lists = ['wait', 'delayed', 'prioritized', 'active', 'paused', 'repeat'] as const;
const windows = [
  [0, -1],
  [0, 0],
  [1, 2],
  [-2, -1],
  [-1, -1],
  [2, 1],
  [0, 100],
  [5, 10],
  [-100, 1],
  [1, -2],
] as const;

/** Steps beyond the usual ones. */
export const more: Record<string, Step> = {
  addTree: async (side, { n, on, job }) => {
    const at = side.ids.length;
    const queueName = side.queue.name;
    const child = (name: string, k: number, children: unknown[] = []) => ({
      name,
      queueName,
      opts: {
        jobId: `${name}-${at}`,
        timestamp: side.now,
        ...keeps[(k + job) % keeps.length],
        ...policies[k % policies.length],
        ...(k % 3 === 2 ? { priority: 1 } : {}),
        ...(k % 4 === 3 ? { delay: far } : {}),
      },
      children: children as never[],
    });
    await side.flow.add({
      name: 'root',
      queueName,
      opts: {
        jobId: `root-${at}`,
        timestamp: side.now,
        ...(n % 4 === 1 ? { delay: far } : {}),
        ...(n % 4 === 2 ? { priority: 3 } : {}),
        ...(n % 4 === 3 ? { lifo: true } : {}),
        ...keeps[job % keeps.length],
      },
      children: [
        child('a', n, on ? [child('aa', job), child('ab', job + 1)] : []),
        child('b', n + 1),
      ] as never[],
    });
    for (const name of ['root', 'a', 'b', ...(on ? ['aa', 'ab'] : [])]) note(side, `${name}-${at}`);
  },
  addChild: async (side, command) => {
    const job = await side.queue.add(
      'late',
      {},
      {
        timestamp: side.now,
        ...policies[command.n % policies.length],
        ...(command.on ? { jobId: `id-${command.n % 5}` } : {}),
        parent: { id: idOf(side, command), queue: side.queue.qualifiedName },
      },
    );
    return note(side, job.id);
  },
  addKept: async (side, { n, on }) => {
    const job = await side.queue.add(
      'kept',
      {},
      { timestamp: side.now, lifo: on, ...keeps[n % keeps.length] },
    );
    return note(side, job.id);
  },
  addBulk: async (side, { n, on, job }) => {
    const jobs = await side.queue.addBulk(
      [0, 1, 2].map(k => ({
        name: `bulk${k}`,
        data: { big: 'x'.repeat((n + k) % 3 === 0 ? 3000 : 3) },
        opts: {
          timestamp: side.now,
          ...((n + k) % 2 ? { jobId: `id-${(n + k) % 6}` } : {}),
          ...((job + k) % 4 === 0 ? { deduplication: { id: `d-${k % 2}` } } : {}),
          ...(on && k === 1 ? { priority: 2 } : {}),
        },
      })),
    );
    return jobs.map(each => note(side, each.id));
  },
  addDedupMix: async (side, { n, on, job }) => {
    const modes = [
      { ttl: far, extend: true },
      { ttl: far, replace: true },
      { ttl: far, extend: true, replace: true },
      { keepLastIfActive: true, replace: true },
      { keepLastIfActive: true, ttl: far },
      { keepLastIfActive: true, reschedule: true },
      { keepLastIfActive: true, ttl: far, extend: true, replace: true },
      {},
      { ttl: 1 },
    ] as object[];
    const deduplication = { id: `d-${job % 2}`, ...modes[n % modes.length] };
    await tick(side);
    const added = await side.queue.add(
      'dd',
      { n },
      {
        timestamp: side.now,
        deduplication,
        ...(on ? { delay: far + n * 1000 } : {}),
        ...(n % 5 === 0 ? { priority: 2 } : {}),
        ...(n % 6 === 0 ? { jobId: `id-${n % 5}` } : {}),
        ...(n % 11 === 0 && side.ids.length
          ? { parent: { id: side.ids[job % side.ids.length] as string, queue: side.queue.qualifiedName } }
          : {}),
      },
    );
    return note(side, added.id);
  },
  dedupKeys: side => Promise.all([0, 1].map(k => side.queue.getDeduplicationJobId(`d-${k}`))),
  dropDedup: (side, { n }) => side.queue.removeDeduplicationKey(`d-${n % 2}`),
  dropDedupOf: (side, command) => withJob(side, command, job => job.removeDeduplicationKey()),
  removeUnprocessed: (side, command) => backend(side).removeUnprocessedChildren(idOf(side, command)),
  cutLoose: (side, command) => withJob(side, command, job => job.removeChildDependency()),
  waitForChild: (side, command) =>
    withJob(side, command, job =>
      job.moveToWaitingChildren(token(command), {
        child: { id: side.ids[command.n % side.ids.length] as string, queue: side.queue.qualifiedName },
      }),
    ),
  ranges: (side, { n, job, on }) => {
    const [a, b] = windows[n % windows.length] as readonly [number, number];
    return backend(side).getRanges([lists[job % lists.length] as never], a, b, on);
  },
  priorities: side => backend(side).getCountsPerPriority([0, 1, 2, 3]),
  finished: (side, command) => backend(side).isFinished(idOf(side, command), command.on),
  family: async (side, command) => {
    const id = idOf(side, command);
    const all = await backend(side).getDependencies(id, {});
    const counts = await backend(side).getDependencyCounts(id, [
      'processed',
      'unprocessed',
      'ignored',
      'failed',
    ]);
    return {
      counts,
      processed: all.processed,
      ignored: all.ignored,
      unprocessed: [...(all.unprocessed ?? [])].sort(),
      failed: [...(all.failed ?? [])].sort(),
    };
  },
  logs: (side, { job, n, on }) => {
    const [a, b] = windows[n % windows.length] as readonly [number, number];
    return side.queue.getJobLogs(idOf(side, { job, n, on, do: '' }), a, b, on);
  },
  clearLogs: (side, command) => backend(side).clearLogs(idOf(side, command), command.n % 3),
  cleanMore: async (side, { n, on }) => {
    await tick(side);
    const kind = ['waiting-children', 'completed', 'failed', 'wait', 'delayed', 'prioritized', 'active'][
      n % 7
    ] as never;
    const ids = await backend(side).cleanJobsByState(kind, Date.now() + (on ? 1 : -1_000_000), n % 4);
    return n % 7 < 3 ? ids.length : ids;
  },
  obliterate: async (side, { n, on }) => {
    if (n % 3) return 'not now';
    if (on) await side.queue.pause();
    return backend(side).obliterate({ force: n % 2 === 0, count: 2 + n });
  },
  every: (side, { n, on, job }) =>
    side.queue
      .upsertJobScheduler(
        `s-${job % 2}`,
        { every: 60_000 * (1 + (n % 2)), startDate: start, ...(n % 5 === 0 ? { limit: 2 } : {}) },
        { name: 'tick', data: { n }, opts: on ? { priority: 1 } : {} },
      )
      .then(made => note(side, made?.id)),
  pattern: (side, { n, on, job }) =>
    side.queue
      .upsertJobScheduler(
        `s-${job % 3}`,
        { pattern: `0 0 0 ${1 + (n % 2)} 1 *`, tz: 'UTC', startDate: start },
        { name: 'tick', data: { n }, opts: on ? { lifo: true, attempts: 2 } : {} },
      )
      .then(made => note(side, made?.id)),
  dropScheduler: (side, { job }) => side.queue.removeJobScheduler(`s-${job % 3}`),
  schedulers: async (side, { on }) => {
    const found = await side.queue.getJobSchedulers(0, -1, on);
    return found;
  },
  claimJob: async side => {
    const job = await side.worker.getNextJob('t', { block: false });
    return job && { id: job.id, attemptsStarted: job.attemptsStarted };
  },
  claimUnlocked: async side => (await side.worker.getBackend().moveToActive('0')).slice(1, 3),
  unlockedDone: (side, command) =>
    withJob(side, command, async job => {
      await tick(side);
      const answer = await (command.on
        ? job.moveToCompleted(1, '0', false)
        : job.moveToFailed(new Error('x'), '0', false));
      return answer;
    }),
  stalled: async side => {
    await tick(side);
    await tick(side);
    return side.worker.getBackend().moveStalledJobsToWait();
  },
  retryStarted: (side, command) =>
    withJob(side, command, job =>
      job.retry(command.n % 2 ? 'failed' : 'completed', {
        resetAttemptsStarted: command.on,
        resetAttemptsMade: true,
      }),
    ),
  delaySkip: (side, command) =>
    withJob(side, command, async job => {
      const answer = await side.worker
        .getBackend()
        .moveToDelayed(job.id as string, side.now + far, far, token(command), {
          skipAttempt: command.on,
          fetchNext: command.n % 2 === 0,
        });
      return Array.isArray(answer) ? answer.slice(1, 3) : answer;
    }),
  globalRate: async (side, { n, on }) => {
    if (on) return side.queue.setGlobalRateLimit(1 + (n % 3), 600_000);
    return side.queue.removeGlobalRateLimit();
  },
  rateKey: (side, { on }) => (on ? Promise.resolve(0) : side.queue.removeRateLimitKey()),
  close: (side, { on }) => (on ? side.queue.rateLimit(600_000) : side.queue.removeRateLimitKey()),
  metrics: async side => {
    const { meta } = await side.queue.getMetrics('completed');
    const failed = await side.queue.getMetrics('failed');
    return [meta.count, failed.meta.count];
  },
  state: (side, command) => backend(side).getState(idOf(side, command)),
  bigData: (side, command) =>
    withJob(side, command, job => job.updateData({ big: 'y'.repeat(command.on ? 3000 : 5) })),
  values: (side, command) =>
    withJob(side, command, async job => [
      await job.getChildrenValues(),
      await job.getIgnoredChildrenFailures(),
    ]),
  meta: side => backend(side).getQueueMeta(),
};
