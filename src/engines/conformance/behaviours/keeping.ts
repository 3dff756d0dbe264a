import type { JobsOptions } from 'bullmq';
import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

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

/** Logs of a job. */
export const logs = family('logs', {
  'answers how many there are': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    return [await queue.addJobLog('known', 'a'), await queue.addJobLog('known', 'b')];
  },
  'keeps the newest up to keepLogs': async lab => {
    const { queue } = await oneIn(lab, 'wait', { keepLogs: 2 });
    const job = await queue.getJob('known');
    const counts = [await job?.log('a'), await job?.log('b'), await job?.log('c')];
    return { counts, logs: await queue.getJobLogs('known') };
  },
  'keeps as many as each call says': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    for (const row of ['a', 'b', 'c', 'd']) await queue.addJobLog('known', row);
    return { count: await queue.addJobLog('known', 'e', 3), logs: await queue.getJobLogs('known') };
  },
  ...table(
    [true, false].flatMap(asc =>
      (
        [
          [0, -1],
          [0, 1],
          [1, 2],
          [3, 9],
          [7, 9],
          [-2, -1],
          [2, 1],
        ] as const
      ).map(window => ({ asc, window })),
    ),
    ({ asc, window }) => `from ${window[0]} to ${window[1]} ${asc ? 'oldest' : 'newest'} first`,
    async (lab, { asc, window }) => {
      const { queue } = await oneIn(lab, 'wait');
      for (const row of ['a', 'b', 'c', 'd', 'e']) await queue.addJobLog('known', row);
      return queue.getJobLogs('known', window[0], window[1], asc);
    },
  ),
  'of a missing job are refused on writing, empty on reading': async lab => {
    const queue = lab.queue();
    return {
      write: await lab.refusal(queue.addJobLog('nobody', 'a')),
      read: await queue.getJobLogs('nobody'),
    };
  },
  'can be cleared': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    const job = await queue.getJob('known');
    for (const row of ['a', 'b', 'c']) await job?.log(row);
    await job?.clearLogs();
    return { after: await queue.getJobLogs('known'), next: await job?.log('d') };
  },
  'can be cleared but for the newest': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    const job = await queue.getJob('known');
    for (const row of ['a', 'b', 'c']) await job?.log(row);
    await job?.clearLogs(2);
    return queue.getJobLogs('known');
  },
  'keep unusual text': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    for (const row of ['', 'a\u0000b', 'line\nbreak', '日本 😀']) await queue.addJobLog('known', row);
    return queue.getJobLogs('known');
  },
  'survive a retry': async lab => {
    const { queue } = await oneIn(lab, 'failed');
    await queue.addJobLog('known', 'a');
    await (await queue.getJob('known'))?.retry();
    return queue.getJobLogs('known');
  },
});

const progresses: readonly (readonly [string, number | object | string | boolean])[] = [
  ['a number', 42],
  ['zero', 0],
  ['a text', 'half way'],
  ['an object', { z: 1, a: [2] }],
  ['false', false],
  ['an array', [1, 2]],
];

/** Progress and data of a job. */
export const fields = family('progress and data', {
  ...table(
    progresses,
    ([name]) => `stores ${name} as progress and emits it`,
    async (lab, [, value]) => {
      const { queue } = await oneIn(lab, 'wait');
      const job = await queue.getJob('known');
      const events = await lab.eventsOf(queue, async () => job?.updateProgress(value));
      return { events, stored: (await queue.getJob('known'))?.progress };
    },
  ),
  ...table(
    ['wait', 'delayed', 'completed', 'missing'] as const,
    state => `progress of a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      const refusal = await lab.refusal(queue.updateJobProgress('known', 5));
      return { refusal, stored: await lab.stored(queue, 'known') };
    },
  ),
  ...table(
    ['wait', 'delayed', 'completed', 'missing'] as const,
    state => `new data for a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, 'wait');
      const job = await queue.getJob('known');
      if (state === 'missing') await queue.remove('known');
      const events = await lab.eventsOf(queue, () => Promise.resolve());
      const refusal = await lab.refusal(async () => job?.updateData({ z: 1, a: '\u0000', of: state }));
      return { refusal, events, stored: await lab.stored(queue, 'known') };
    },
  ),
  'new data is what the worker gets': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await (await queue.getJob('known'))?.updateData({ b: 2 });
    return (await lab.take(worker)).data;
  },
  'progress survives completion': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await job.updateProgress({ at: 3 });
    await job.moveToCompleted('ok', 't', false);
    return lab.stored(queue, 'known');
  },
});

/** Metrics in minutes. */
export const metrics = family('metrics', {
  'are empty when nobody collects': async lab => {
    const { queue } = await oneIn(lab, 'completed');
    return {
      raw: await queue.getBackend().getMetrics('completed'),
      parsed: await queue.getMetrics('completed'),
    };
  },
  ...table(
    ['completed', 'failed'] as const,
    type => `count ${type} jobs of collecting workers`,
    async (lab, type) => {
      const queue = lab.queue();
      const worker = lab.worker(null, { metrics: { maxDataPoints: 10 } });
      for (let n = 0; n < 3; n++) {
        if (type === 'completed') await lab.complete(queue, worker, 'a');
        else await lab.fail(queue, worker, 'a');
      }
      const { meta } = await queue.getMetrics(type);
      return { count: meta.count, stamped: meta.prevTS > lab.startedAt - 1, of: type };
    },
  ),
  'do not count retries as failed': async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { metrics: { maxDataPoints: 10 } });
    await lab.fail(queue, worker, 'a', 'x', { attempts: 2 });
    await (await lab.take(worker)).moveToFailed(new Error('y'), 't', false);
    return (await queue.getMetrics('failed')).meta.count;
  },
  'are kept apart by type': async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { metrics: { maxDataPoints: 10 } });
    await lab.complete(queue, worker, 'a');
    await lab.complete(queue, worker, 'b');
    await lab.fail(queue, worker, 'c');
    return [(await queue.getMetrics('completed')).meta.count, (await queue.getMetrics('failed')).meta.count];
  },
  'are printed for Prometheus': async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { metrics: { maxDataPoints: 10 } });
    await lab.complete(queue, worker, 'a');
    await queue.add('b', {});
    return (await queue.exportPrometheusMetrics({ env: 'x' })).split('\n');
  },
});
