import type { JobSchedulerJobOptions } from 'bullmq';
import { family } from '../engine.ts';
import { scheduler } from './fixtures.ts';

const hour = 3_600_000;

/** A scheduler goes on: the worker that takes one iteration makes the next. */
export const iterations = family('scheduler: iterations', {
  'taking a job makes the next one, a slot later': async lab => {
    const queue = lab.queue();
    const first = await queue.upsertJobScheduler(
      's',
      { every: hour },
      { name: 'n', data: { a: 1 }, opts: { attempts: 2 } },
    );
    await lab.take(lab.worker());
    const [next] = await queue.getDelayed();
    const gap = Number(next?.id?.split(':').at(-1)) - Number(first?.id?.split(':').at(-1));
    const raw = await queue.getBackend().getJobData(next?.id ?? '');
    const stored = { data: raw?.data, name: raw?.name, key: raw?.repeatJobKey, attempts: raw?.opts.attempts };
    return { gap, stored, scheduler: await scheduler(lab, queue, 's') };
  },
  'counts the iterations': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.upsertJobScheduler('s', { every: hour });
    const counts: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      const job = await lab.take(worker);
      counts.push([
        (await queue.getJobScheduler('s'))?.iterationCount,
        (job.opts as JobSchedulerJobOptions).repeat?.count,
      ]);
      await job.moveToCompleted(1, 't', false);
      await queue.promoteJobs();
    }
    return counts;
  },
  'ends at the limit': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.upsertJobScheduler('s', { every: hour, limit: 2 });
    for (let n = 0; n < 2; n++) {
      await (await lab.take(worker)).moveToCompleted(1, 't', false);
      await queue.promoteJobs();
    }
    return {
      counts: await queue.getJobCounts('wait', 'delayed', 'completed'),
      scheduler: await scheduler(lab, queue, 's'),
    };
  },
  'a changed template shows in the next job': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.upsertJobScheduler('s', { every: hour }, { name: 'old', data: { n: 1 } });
    await queue.upsertJobScheduler('s', { every: hour }, { name: 'new', data: { n: 2 } });
    const job = await lab.take(worker);
    const [next] = await queue.getDelayed();
    return [job.name, job.data, next?.name, next?.data];
  },
  'a job failing and retrying makes no second next job': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.upsertJobScheduler('s', { every: hour }, { opts: { attempts: 3 } });
    await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
    await lab.take(worker);
    return {
      counts: await queue.getJobCounts('active', 'delayed'),
      count: (await queue.getJobScheduler('s'))?.iterationCount,
    };
  },
  'a removed scheduler makes no next job': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    await queue.removeJobScheduler('s');
    await lab.take(lab.worker());
    return queue.getJobCounts('active', 'wait', 'delayed');
  },
  'only the current job as producer makes a next one': async lab => {
    const queue = lab.queue();
    const job = await queue.upsertJobScheduler('s', { every: hour });
    const backend = queue.getBackend();
    const opts: JobSchedulerJobOptions = { repeat: { every: hour, count: 1 } };
    const stranger = await backend.updateJobSchedulerNextMillis('s', 0, '{}', opts, 'repeat:s:1');
    const own = await backend.updateJobSchedulerNextMillis('s', 0, '{}', opts, job?.id);
    const again = await backend.updateJobSchedulerNextMillis('s', 0, '{}', opts, job?.id);
    const unknown = await backend.updateJobSchedulerNextMillis('x', 0, '{}', opts, job?.id);
    return {
      stranger: stranger ?? 'nothing',
      own: typeof own,
      again: again ?? 'nothing',
      unknown: unknown ?? 'nothing',
    };
  },
  'runs on its own in a worker': async lab => {
    const queue = lab.queue();
    const names: string[] = [];
    lab.worker(async job => names.push(job.name));
    await queue.upsertJobScheduler('s', { every: 60 }, { name: 'tick' });
    await lab.until(() => names.length >= 3, 'three ticks');
    await queue.removeJobScheduler('s');
    return names.slice(0, 3);
  },
  'with a pattern of every second runs on the second': async lab => {
    const queue = lab.queue();
    const seen: number[] = [];
    lab.worker(async job => seen.push(Number(job.id?.split(':').at(-1)) % 1_000));
    await queue.upsertJobScheduler('s', { pattern: '* * * * * *' });
    await lab.until(() => seen.length >= 1, 'one run');
    return { seen: seen.slice(0, 1) };
  },
  'a stalled job of a scheduler is never failed for stalling': async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { lockDuration: 15, maxStalledCount: 0, stalledInterval: 1 });
    const backend = worker.getBackend();
    await queue.upsertJobScheduler('s', { every: hour });
    const job = await lab.take(worker);
    await backend.moveStalledJobsToWait();
    await lab.pass(30);
    await backend.moveStalledJobsToWait();
    const stored = await queue.getBackend().getJobData(job.id ?? '');
    return {
      state: await job.getState(),
      deferred: stored?.deferredFailure ?? 'none',
      stalled: stored?.stalledCounter,
    };
  },
  'busy slots are refused after 32 (-11)': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const every = hour;
    const job = await queue.upsertJobScheduler('s', { every });
    const base = Number(job?.id?.split(':').at(-1));
    await worker.getBackend().moveToActive('t');
    for (let n = 1; n <= 33; n++) await queue.add('block', {}, { jobId: `repeat:s:${base + n * every}` });
    return lab.refusal(queue.upsertJobScheduler('s', { every }));
  },
});
