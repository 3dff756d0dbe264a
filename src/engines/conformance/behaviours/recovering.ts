import { family, table } from '../engine.ts';
import type { Lab } from '../lab.ts';

/** A worker whose locks expire at once and whose stalled check is not throttled. */
function hasty(lab: Lab, opts: { maxStalledCount?: number; stalledInterval?: number } = {}) {
  return lab.worker(null, { lockDuration: 15, stalledInterval: 1, ...opts });
}

/** Lets a claimed job stall: marked by a first check, its lock expired, found by a second. */
async function stall(lab: Lab, worker: ReturnType<typeof hasty>): Promise<string[]> {
  const backend = worker.getBackend();
  await lab.pass(4);
  await backend.moveStalledJobsToWait();
  await lab.pass(40);
  return backend.moveStalledJobsToWait();
}

/** Jobs whose worker is gone. */
export const stalled = family('stalled', {
  'a first check only marks': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab);
    await queue.add('a', {});
    await lab.take(worker);
    await lab.pass(40);
    return { moved: await worker.getBackend().moveStalledJobsToWait(), where: await lab.where(queue) };
  },
  ...table(
    [
      ['a waiting job', {}],
      ['a prioritized job', { priority: 5 }],
      ['a lifo job', { lifo: true }],
      ['a delayed job', { delay: 1, timestamp: 1_000 }],
    ] as const,
    ([name]) => `moves what was ${name} to the front of wait`,
    async (lab, [, opts]) => {
      const queue = lab.queue();
      const worker = hasty(lab);
      await queue.add('lost', {}, { ...opts, jobId: 'lost' });
      await lab.take(worker);
      await queue.add('other', {}, { jobId: 'other' });
      await queue.add('p1', {}, { jobId: 'p1', priority: 1 });
      const before = await lab.cursor(queue);
      const moved = await stall(lab, worker);
      return {
        moved,
        events: await lab.eventLog(queue, before),
        where: await lab.where(queue),
        stored: await lab.stored(queue, 'lost'),
      };
    },
  ),
  'a job with a living lock stays': async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { lockDuration: 30_000, stalledInterval: 1 });
    await queue.add('a', {});
    const job = await lab.take(worker);
    await worker.getBackend().moveStalledJobsToWait();
    const extended = await job.extendLock('t', 30_000);
    await lab.pass(20);
    return {
      extended,
      moved: await worker.getBackend().moveStalledJobsToWait(),
      where: await lab.where(queue),
    };
  },
  'a job that finished is not found': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab);
    await queue.add('a', {});
    const job = await lab.take(worker, '0');
    await worker.getBackend().moveStalledJobsToWait();
    await job.moveToCompleted(1, '0', false);
    await lab.pass(5);
    return { moved: await worker.getBackend().moveStalledJobsToWait(), where: await lab.where(queue) };
  },
  'is throttled by the interval': async lab => {
    const queue = lab.queue();
    const slow = hasty(lab, { stalledInterval: 60_000 });
    await queue.add('a', {});
    await lab.take(slow);
    return { moved: await stall(lab, slow), where: await lab.where(queue) };
  },
  'the throttle is no part of the meta data': async lab => {
    const queue = lab.queue();
    await queue.waitUntilReady();
    await hasty(lab, { stalledInterval: 60_000 }).getBackend().moveStalledJobsToWait();
    return Object.keys(await queue.getBackend().getQueueMeta()).sort();
  },
  ...table(
    [0, 1, 2],
    max => `with maxStalledCount ${max} ends in a deferred failure`,
    async (lab, max) => {
      const queue = lab.queue();
      const worker = hasty(lab, { maxStalledCount: max });
      await queue.add('a', {}, { jobId: 'a', attempts: 5 });
      const seen: unknown[] = [];
      for (let n = 0; n <= max; n++) {
        await lab.take(worker);
        await stall(lab, worker);
        const raw = await queue.getBackend().getJobData('a');
        seen.push([raw?.stalledCounter, raw?.deferredFailure ?? null, await queue.getJobState('a')]);
      }
      return seen;
    },
  ),
  'a worker fails a job with a deferred failure without running it': async lab => {
    const queue = lab.queue();
    const lost = hasty(lab, { maxStalledCount: 0 });
    await queue.add('a', {}, { jobId: 'a', attempts: 5 });
    await lab.take(lost);
    await stall(lab, lost);
    let ran = false;
    lab.worker(async () => {
      ran = true;
    });
    await lab.until(async () => (await queue.getFailedCount()) === 1, 'the failure');
    return { ran, stored: await lab.stored(queue, 'a') };
  },
  'keeps the count over retries': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab, { maxStalledCount: 5 });
    await queue.add('a', {}, { jobId: 'a' });
    await lab.take(worker);
    await stall(lab, worker);
    await (await lab.take(lab.worker())).moveToFailed(new Error('x'), 't', false);
    await (await queue.getJob('a'))?.retry();
    return lab.stored(queue, 'a');
  },
  'recovers several at once': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab);
    for (const jobId of ['a', 'b', 'c']) await queue.add(jobId, {}, { jobId });
    for (let n = 0; n < 3; n++) await lab.take(worker);
    const moved = await stall(lab, worker);
    return { moved: moved.sort(), left: (await lab.where(queue)).wait?.sort() };
  },
  'works on a paused queue': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab);
    await queue.add('a', {});
    await lab.take(worker);
    await queue.pause();
    return { moved: await stall(lab, worker), where: await lab.where(queue) };
  },
  'a stalled job can be taken and completed by another worker': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab);
    await queue.add('a', {}, { jobId: 'a' });
    const first = await lab.take(worker, 'first');
    await stall(lab, worker);
    const second = await lab.take(lab.worker(), 'second');
    const late = await lab.refusal(first.moveToCompleted(1, 'first', false));
    await second.moveToCompleted(2, 'second', false);
    return { late, stored: await lab.stored(queue, 'a') };
  },
  'an active job taken with token 0 stalls too': async lab => {
    const queue = lab.queue();
    const worker = hasty(lab);
    await queue.add('a', {});
    await lab.take(worker, '0');
    return { moved: await stall(lab, worker), where: await lab.where(queue) };
  },
});
