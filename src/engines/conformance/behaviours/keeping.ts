import type { JobsOptions } from 'bullmq';
import { family, table } from '../engine.ts';

const policies: readonly (readonly [string, JobsOptions['removeOnComplete']])[] = [
  ['true', true],
  ['false', false],
  ['0', 0],
  ['1', 1],
  ['2', 2],
  ['a number larger than there are', 99],
  ['-1', -1],
  ['{count: 0}', { count: 0 }],
  ['{count: 2}', { count: 2 }],
  ['{age: 3600}', { age: 3_600 }],
  ['{age: 0}', { age: 0 }],
  ['{age: 3600, count: 1}', { age: 3_600, count: 1 }],
];

/** How long finished jobs are kept: four jobs under one policy. */
export const retention = family('retention', {
  ...table(
    (['complete', 'fail'] as const).flatMap(how => policies.map(([name, keep]) => ({ how, name, keep }))),
    ({ how, name }) => `${how} with ${name}`,
    async (lab, { how, keep }) => {
      const queue = lab.queue();
      const worker = lab.worker();
      const opts = how === 'complete' ? { removeOnComplete: keep } : { removeOnFail: keep };
      for (const jobId of ['a', 'b', 'c', 'd']) {
        if (how === 'complete') await lab.complete(queue, worker, jobId, 1, { ...opts, jobId });
        else await lab.fail(queue, worker, jobId, 'x', { ...opts, jobId });
        await lab.pass(2);
      }
      return { where: await lab.where(queue), log: await lab.eventLog(queue) };
    },
  ),
  ...table(
    (['complete', 'fail'] as const).flatMap(how =>
      policies.flatMap(([name, keep]) => (typeof keep === 'object' ? [{ how, name, keep }] : [])),
    ),
    ({ how, name }) => `${how} with ${name} as the worker's option`,
    async (lab, { how, keep }) => {
      const queue = lab.queue();
      const worker = lab.worker(null, { removeOnComplete: keep, removeOnFail: keep });
      for (const jobId of ['a', 'b', 'c']) {
        if (how === 'complete') await lab.complete(queue, worker, jobId, 1, { jobId });
        else await lab.fail(queue, worker, jobId, 'x', { jobId });
        await lab.pass(2);
      }
      return { where: await lab.where(queue), of: how };
    },
  ),
  "a job's own option beats the worker's": async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { removeOnComplete: { count: 0 } });
    await lab.complete(queue, worker, 'a', 1, { jobId: 'a', removeOnComplete: false });
    await lab.complete(queue, worker, 'b', 1, { jobId: 'b' });
    return lab.where(queue);
  },
  'a job removed at once leaves nothing but its events': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a', removeOnComplete: true, deduplication: { id: 'd' } });
    await queue.addJobLog('a', 'row');
    const job = await lab.take(lab.worker());
    await job.moveToCompleted('ok', 't', false);
    return {
      stored: await lab.stored(queue, 'a'),
      logs: await queue.getJobLogs('a'),
      key: String(await queue.getDeduplicationJobId('d')),
      log: await lab.eventLog(queue),
    };
  },
  'by age removes only what is older': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await lab.complete(queue, worker, 'old', 1, { jobId: 'old' });
    await lab.pass(300);
    await lab.complete(queue, worker, 'young', 1, { jobId: 'young' });
    await lab.complete(queue, worker, 'last', 1, { jobId: 'last', removeOnComplete: { age: 0.2 } });
    return lab.where(queue);
  },
  'by age with a limit removes that many, newest of the old first': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    for (const jobId of ['a', 'b', 'c']) {
      await lab.complete(queue, worker, jobId, 1, { jobId });
      await lab.pass(2);
    }
    await lab.pass(5);
    const keep = { age: 0.001, limit: 2 };
    await lab.complete(queue, worker, 'last', 1, { jobId: 'last', removeOnComplete: keep });
    return lab.where(queue);
  },
  'of completed jobs leaves failed ones alone': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await lab.fail(queue, worker, 'f', 'x', { jobId: 'f' });
    await lab.complete(queue, worker, 'a', 1, { jobId: 'a' });
    await lab.complete(queue, worker, 'b', 1, { jobId: 'b', removeOnComplete: 1 });
    return lab.where(queue);
  },
});
