import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

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
      const { queue } = await oneIn(lab, state === 'missing' ? 'wait' : state);
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
