import { family, table } from '../engine.ts';
import type { Lab } from '../lab.ts';
import { oneIn } from './fixtures.ts';

async function finished(lab: Lab, state: 'completed' | 'failed', opts: object = {}) {
  const bench = await oneIn(lab, state, opts);
  await bench.queue.add('other', {}, { jobId: 'other' });
  const job = await bench.queue.getJob('known');
  if (!job) throw new Error('the job is gone');
  return { ...bench, job };
}

/** job.retry: a finished job goes again. */
export const reprocessing = family('retry: finished job', {
  ...table(
    (['completed', 'failed'] as const).flatMap(state =>
      [
        {},
        { resetAttemptsMade: true },
        { resetAttemptsStarted: true },
        { resetAttemptsMade: true, resetAttemptsStarted: true },
      ].map(opts => ({ state, opts })),
    ),
    ({ state, opts }) =>
      `sends a ${state} job back to wait with ${Object.keys(opts).join(' and ') || 'nothing reset'}`,
    async (lab, { state, opts }) => {
      const { queue, job } = await finished(lab, state);
      const events = await lab.eventsOf(queue, () => job.retry(state, opts));
      return { events, where: await lab.where(queue), stored: await lab.stored(queue, 'known') };
    },
  ),
  ...table(
    ['completed', 'failed'] as const,
    state => `sends a ${state} lifo job to the front`,
    async (lab, state) => {
      const { queue, job } = await finished(lab, state, { lifo: true });
      await job.retry(state);
      return lab.where(queue);
    },
  ),
  ...table(
    ['completed', 'failed'] as const,
    state => `sends a ${state} prioritized job behind its equals`,
    async (lab, state) => {
      const { queue, job } = await finished(lab, state, { priority: 4 });
      await queue.add('equal', {}, { priority: 4, jobId: 'equal' });
      await job.retry(state);
      return lab.where(queue);
    },
  ),
  ...table(
    ['wait', 'prioritized', 'delayed', 'active', 'completed'] as const,
    state => `refuses a job that is ${state} as failed`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      const job = await queue.getJob('known');
      return { refusal: await lab.refusal(async () => job?.retry('failed')), where: await lab.where(queue) };
    },
  ),
  'refuses a job that is gone': async lab => {
    const { queue, job } = await finished(lab, 'failed');
    await queue.remove('known');
    return lab.refusal(job.retry());
  },
  'refuses a failed job as completed': async lab => {
    const { job } = await finished(lab, 'failed');
    return lab.refusal(job.retry('completed'));
  },
});

/** queue.retryJobs. */
export const many = family('retry: all finished jobs', {
  ...table(
    ['completed', 'failed'] as const,
    state => `sends all ${state} jobs back, oldest first, keeping their attempts`,
    async (lab, state) => {
      const queue = lab.queue();
      const worker = lab.worker();
      for (const name of ['a', 'b', 'c']) {
        if (state === 'failed') await lab.fail(queue, worker, name);
        else await lab.complete(queue, worker, name);
      }
      await queue.add('waiting', {});
      const events = await lab.eventsOf(queue, () => queue.retryJobs({ state }));
      return { events, where: await lab.where(queue), stored: await lab.stored(queue, '1') };
    },
  ),
  'takes failed as the default': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await lab.fail(queue, worker, 'f');
    await lab.complete(queue, worker, 'c');
    await queue.retryJobs();
    return lab.where(queue);
  },
  'goes in slices of count': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    for (let n = 0; n < 5; n++) await lab.fail(queue, worker, `n${n}`);
    const backend = queue.getBackend();
    const cursors = [
      await backend.retryFinishedJobs('failed', 2),
      await backend.retryFinishedJobs('failed', 2),
    ];
    return { cursors, where: await lab.where(queue), last: await backend.retryFinishedJobs('failed', 2) };
  },
  'takes only those finished up to a time': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const old = await lab.fail(queue, worker, 'old');
    await lab.pass(5);
    await lab.fail(queue, worker, 'new');
    await queue.retryJobs({ timestamp: old.finishedOn ?? 0 });
    return lab.where(queue);
  },
  'puts prioritized jobs into wait all the same': async lab => {
    const queue = lab.queue();
    await lab.fail(queue, lab.worker(), 'p', 'x', { priority: 3 });
    await queue.retryJobs();
    return lab.where(queue);
  },
  'works on a paused queue': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await lab.fail(queue, worker, 'a');
    await queue.pause();
    await queue.retryJobs();
    return { where: await lab.where(queue), tuple: await worker.getBackend().moveToActive('t') };
  },
});
