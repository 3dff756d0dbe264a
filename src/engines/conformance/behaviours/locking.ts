import type { Job } from 'bullmq';
import { family, table } from '../engine.ts';
import type { Lab, LabQueue, LabWorker } from '../lab.ts';
import { oneIn } from './fixtures.ts';

/** Operations that finish or give back an active job, all of which check the lock. */
const operations: readonly (readonly [
  string,
  (worker: LabWorker, job: Job, token: string) => Promise<unknown>,
])[] = [
  ['complete', (_, job, token) => job.moveToCompleted('ok', token, false)],
  ['fail', (_, job, token) => job.moveToFailed(new Error('broken'), token, false)],
  ['delay', (worker, job, token) => worker.getBackend().moveToDelayed(job.id ?? '', 1_000, 500, token)],
  ['retry', (worker, job, token) => worker.getBackend().retryJob(job.id ?? '', false, token)],
  ['back to wait', (worker, job, token) => worker.getBackend().moveJobFromActiveToWait(job.id ?? '', token)],
];

async function attempt(
  lab: Lab,
  queue: LabQueue,
  operation: (typeof operations)[number][1],
  worker: LabWorker,
  job: Job,
  token: string,
) {
  const outcome = await lab.refusal(operation(worker, job, token));
  return { outcome, where: await lab.where(queue) };
}

/** What each operation answers for each state of the lock and of the job. */
export const checked = family('locks: checked by each operation', {
  ...table(
    operations,
    ([name]) => `${name}: accepts the token that claimed the job`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      return attempt(lab, queue, operation, worker, await lab.take(worker), 't');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: refuses another token`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      return attempt(lab, queue, operation, worker, await lab.take(worker), 'other');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: refuses after the lock expired`,
    async (lab, [, operation]) => {
      const { queue } = await oneIn(lab, 'wait');
      const brief = lab.worker(null, { lockDuration: 15 });
      const job = await lab.take(brief);
      await lab.pass(40);
      return attempt(lab, queue, operation, brief, job, 't');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: takes token 0 as no check at all`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      return attempt(lab, queue, operation, worker, await lab.take(worker), '0');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: refuses a job that was removed meanwhile`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      const job = await lab.take(worker, '0');
      await queue.remove('known');
      return attempt(lab, queue, operation, worker, job, 't');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: refuses a job that only waits`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      const job = (await queue.getJob('known')) as Job;
      return attempt(lab, queue, operation, worker, job, 't');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: on a job that only waits, with token 0`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      const job = (await queue.getJob('known')) as Job;
      return attempt(lab, queue, operation, worker, job, '0');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: refuses a second time`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      const job = await lab.take(worker);
      await operation(worker, job, 't');
      return attempt(lab, queue, operation, worker, job, 't');
    },
  ),
  ...table(
    operations,
    ([name]) => `${name}: frees the lock`,
    async (lab, [, operation]) => {
      const { queue, worker } = await oneIn(lab, 'wait', { attempts: 3 });
      const job = await lab.take(worker);
      await operation(worker, job, 't');
      const extended = await worker.getBackend().extendLock('known', 't', 1_000);
      return { extended, removed: await queue.remove('known') };
    },
  ),
});

/** Locks themselves. */
export const locks = family('locks', {
  'extendLock answers 1 for the holder, 0 for others': async lab => {
    const { worker } = await oneIn(lab, 'active');
    const backend = worker.getBackend();
    return [
      await backend.extendLock('known', 't', 30_000),
      await backend.extendLock('known', 'other', 30_000),
      await backend.extendLock('nobody', 't', 30_000),
    ];
  },
  'extendLock answers 0 after expiry': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    const brief = lab.worker(null, { lockDuration: 15 });
    await lab.take(brief);
    await lab.pass(40);
    return {
      extended: await brief.getBackend().extendLock('known', 't', 1_000),
      where: await lab.where(queue),
    };
  },
  'extendLock keeps a brief lock alive': async lab => {
    await oneIn(lab, 'wait');
    const brief = lab.worker(null, { lockDuration: 300 });
    const job = await lab.take(brief);
    const extended = await job.extendLock('t', 10_000);
    await lab.pass(350);
    await job.moveToCompleted('ok', 't', false);
    return { extended, state: await job.getState() };
  },
  'extendLock can shorten a lock': async lab => {
    const { worker } = await oneIn(lab, 'active');
    const backend = worker.getBackend();
    const first = await backend.extendLock('known', 't', 10);
    await lab.pass(30);
    return [first, await backend.extendLock('known', 't', 10)];
  },
  'extendLocks answers the ids it could not extend, in order': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    for (const jobId of ['a', 'b', 'c']) await queue.add('job', {}, { jobId });
    await lab.take(worker, 't1');
    await lab.take(worker, 't2');
    const backend = worker.getBackend();
    return backend.extendLocks(['c', 'a', 'nobody', 'b'], ['t3', 't1', 't4', 'wrong'], 30_000);
  },
  'extendLocks of nothing answers nothing': async lab => {
    const { worker } = await oneIn(lab, 'active');
    return { failed: await worker.getBackend().extendLocks([], [], 30_000), of: 'none' };
  },
  'claiming with token 0 takes no lock': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await lab.take(worker, '0');
    return {
      extended: await worker.getBackend().extendLock('known', '0', 1_000),
      removed: await queue.remove('known'),
    };
  },
  'a second claim never gets the same job': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await lab.take(worker, 't1');
    const second = await lab.worker().getNextJob('t2', { block: false });
    return { second: second === undefined, where: await lab.where(queue) };
  },
  'many claims at once each get their own job': async lab => {
    const queue = lab.queue();
    await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: `n${n}`, data: {} })));
    const workers = [lab.worker(), lab.worker(), lab.worker()];
    const claims = Array.from({ length: 24 }, (_, n) => {
      const worker = workers[n % workers.length] ?? workers[0];
      return worker?.getNextJob(`t${n}`, { block: false });
    });
    const ids = (await Promise.all(claims)).flatMap(job => job?.id ?? []);
    return {
      claimed: ids.length,
      different: new Set(ids).size,
      counts: await queue.getJobCounts('wait', 'active'),
    };
  },
  'a claim stores who took the job, when, and how often it was started': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'known' });
    await lab.take(lab.worker(null, { name: 'alice' }));
    return lab.stored(queue, 'known');
  },
  'a claim emits active': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    return lab.eventsOf(queue, () => lab.take(worker));
  },
});
