import { UnrecoverableError } from 'bullmq';
import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

const values: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['false', false],
  ['0', 0],
  ['an empty string', ''],
  ['a string', 'done'],
  ['a string that is JSON', '{"a":1}'],
  ['NaN', Number.NaN],
  ['an object with its key order', { z: 1, a: [1, null] }],
  ['a NUL character', 'a\u0000b'],
  ['a large number', 1e21],
];

/** What a completed job keeps of its return value. */
export const returnValues = family(
  'complete: return values',
  table(
    values,
    ([name]) => `keeps ${name}`,
    async (lab, [, value]) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      const job = await lab.take(worker);
      const events = await lab.eventsOf(queue, () => job.moveToCompleted(value, 't', false));
      const raw = (await queue.getBackend().getJobData('known'))?.returnvalue;
      const again = await queue.getJob('known');
      return {
        raw,
        parsed: again?.returnvalue,
        events,
        finished: await worker.getBackend().isFinished('known', true),
      };
    },
  ),
);

/** Completing. */
export const completing = family('complete', {
  'stores when it finished and counts the attempt': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await job.moveToCompleted('ok', 't', false);
    const raw = await queue.getBackend().getJobData('known');
    return {
      stored: await lab.stored(queue, 'known'),
      local: [job.attemptsMade, job.attemptsStarted],
      agreed: raw?.finishedOn === job.finishedOn,
      inOrder: Number(raw?.finishedOn) >= Number(raw?.processedOn),
    };
  },
  'emits completed, then drained when nothing is left': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToCompleted('ok', 't', false));
  },
  'emits no drained while another job waits': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('next', {});
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToCompleted('ok', 't', false));
  },
  'emits no drained while another job is active': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('next', {});
    const job = await lab.take(worker);
    await lab.take(worker, 't2');
    return lab.eventsOf(queue, () => job.moveToCompleted('ok', 't', true));
  },
  'emits no drained while a prioritized job is left': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('next', {}, { priority: 1 });
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToCompleted('ok', 't', false));
  },
  'with fetching emits no drained while a delayed job is left': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('next', {}, { delay: 600_000 });
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToCompleted('ok', 't', true));
  },
  'without fetching emits drained though a delayed job is left': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('next', {}, { delay: 600_000 });
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToCompleted('ok', 't', false));
  },
  'refuses a value that JSON cannot say': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const refusal = (await lab.refusal(job.moveToCompleted(circle, 't', false))) as { refused?: string };
    return { refused: refusal.refused?.split('\n')[0], where: await lab.where(queue) };
  },
  'works through the backend with the time it recorded': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    const done = await worker.getBackend().moveToCompleted(job, { n: 1 }, false, 't', false);
    const raw = await queue.getBackend().getJobData('known');
    return { result: done.result, agreed: raw?.finishedOn === done.finishedOn, value: raw?.returnvalue };
  },
  'works while the queue is paused': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await queue.pause();
    const result = await job.moveToCompleted('ok', 't', true);
    return { result, where: await lab.where(queue) };
  },
});

interface Next {
  name: string;
  jobs: readonly object[];
  pause?: boolean;
}

const nexts: readonly Next[] = [
  { name: 'nothing', jobs: [] },
  { name: 'a waiting job', jobs: [{}] },
  { name: 'a prioritized job', jobs: [{ priority: 3 }] },
  { name: 'a waiting job before a prioritized one', jobs: [{ priority: 3 }, {}] },
  { name: 'a job that has come due', jobs: [{ delay: 1, timestamp: 1_000 }] },
  { name: 'only a job delayed into the future', jobs: [{ delay: 600_000 }] },
  { name: 'a waiting job on a paused queue', jobs: [{}], pause: true },
];

/** The tuple that comes back when finishing fetches the next job. */
export const fetching = family('fetch next', {
  ...table(
    nexts.flatMap(next => (['complete', 'fail', 'delay'] as const).map(how => ({ ...next, how }))),
    ({ name, how }) => `${how} answers the tuple for ${name}`,
    async (lab, { jobs, how, pause }) => {
      const { queue, worker } = await oneIn(lab, 'wait');
      const job = await lab.take(worker);
      for (const opts of jobs)
        await queue.add('next', { n: 1 }, { ...opts, jobId: `next-${jobs.indexOf(opts)}` });
      if (pause) await queue.pause();
      const backend = worker.getBackend();
      const events = await lab.cursor(queue);
      const result =
        how === 'complete'
          ? await job.moveToCompleted('ok', 't', true)
          : how === 'fail'
            ? await job.moveToFailed(new Error('broken'), 't', true)
            : await backend.moveToDelayed('known', 1_000, 2_000_000_000_000, 't', { fetchNext: true });
      const tuple = Array.isArray(result) ? result : [];
      const [head, id, ...signals] = tuple;
      return {
        length: Array.isArray(result) ? tuple.length : 'no tuple',
        head: head === null || head === undefined ? String(head) : { ...head, stacktrace: undefined },
        id,
        signals,
        events: await lab.eventLog(queue, events),
        where: await lab.where(queue),
      };
    },
  ),
  'locks the fetched job with the same token': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('next', {}, { jobId: 'next' });
    const job = await lab.take(worker);
    await job.moveToCompleted('ok', 't', true);
    const backend = worker.getBackend();
    return [await backend.extendLock('next', 't', 9_000), await backend.extendLock('known', 't', 9_000)];
  },
});

/** Failing for good. */
export const failing = family('fail', {
  'stores reason, trace and time': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await job.moveToFailed(new Error('it broke'), 't', false);
    return { stored: await lab.stored(queue, 'known'), local: [job.failedReason, job.attemptsMade] };
  },
  'emits failed, retries-exhausted and drained without attempts': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToFailed(new Error('it broke'), 't', false));
  },
  'emits no retries-exhausted when attempts are left': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 5 });
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToFailed(new UnrecoverableError('never'), 't', false));
  },
  'keeps an unusual reason as it is': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    const reason = 'a\u0000b "quoted"\n\'single\' 日本';
    const events = await lab.eventsOf(queue, () => job.moveToFailed(new Error(reason), 't', false));
    return { events, stored: (await queue.getJob('known'))?.failedReason };
  },
  'takes an empty reason': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await job.moveToFailed(new Error(''), 't', false);
    return lab.stored(queue, 'known');
  },
  'keeps the newest traces up to stackTraceLimit': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.add('a', {}, { attempts: 4, stackTraceLimit: 2, jobId: 'known' });
    for (const reason of ['first', 'second', 'third']) {
      await (await lab.take(worker)).moveToFailed(new Error(reason), 't', false);
    }
    const job = await queue.getJob('known');
    return job?.stacktrace?.map(trace => trace.split('\n')[0]);
  },
  'keeps no traces with stackTraceLimit 0': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { stackTraceLimit: 0 });
    await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
    return lab.stored(queue, 'known');
  },
  'keeps all traces in order without a limit': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.add('a', {}, { attempts: 3, jobId: 'known' });
    for (const reason of ['first', 'second', 'third']) {
      await (await lab.take(worker)).moveToFailed(new Error(reason), 't', false);
    }
    return (await queue.getJob('known'))?.stacktrace?.map(trace => trace.split('\n')[0]);
  },
  'updates the fields it was given through the backend': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    const fields = { failedReason: 'given', stacktrace: '["one"]' };
    const done = await worker.getBackend().moveToFailed(job, 'reason', false, 't', false, fields);
    return { result: done.result, stored: await lab.stored(queue, 'known') };
  },
  'tells drained only when nothing prioritized is left': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('p', {}, { priority: 2 });
    const job = await lab.take(worker);
    return lab.eventsOf(queue, () => job.moveToFailed(new Error('x'), 't', false));
  },
});
