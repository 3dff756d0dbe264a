import { once } from 'node:events';
import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

/** QueueEvents: the stream as JavaScript events. */
export const listening = family('events: QueueEvents', {
  ...table(
    [
      'added',
      'waiting',
      'active',
      'completed',
      'drained',
      'failed',
      'progress',
      'delayed',
      'removed',
      'paused',
      'resumed',
      'duplicated',
      'deduplicated',
      'cleaned',
      'retries-exhausted',
      'waiting-children',
      'stalled',
    ] as const,
    name => `emits ${name} with its fields`,
    async (lab, name) => {
      const queue = lab.queue();
      const worker = lab.worker(null, { lockDuration: 15, stalledInterval: 1 });
      const events = await lab.events({ lastEventId: lab.oldest });
      const heard = once(events, name);
      await queue.add('j', {}, { jobId: 'j' });
      if (
        name === 'active' ||
        name === 'completed' ||
        name === 'drained' ||
        name === 'failed' ||
        name === 'retries-exhausted'
      ) {
        const job = await lab.take(worker, '0');
        if (name.startsWith('fail') || name.startsWith('ret'))
          await job.moveToFailed(new Error('x'), '0', false);
        else if (name !== 'active') await job.moveToCompleted({ v: [1] }, '0', false);
      }
      if (name === 'progress') await queue.updateJobProgress('j', { at: 2 });
      if (name === 'delayed') await queue.add('d', {}, { jobId: 'd', delay: 5, timestamp: 1_000 });
      if (name === 'removed') await queue.remove('j');
      if (name === 'paused' || name === 'resumed') await queue.pause();
      if (name === 'resumed') await queue.resume();
      if (name === 'duplicated') await queue.add('j', {}, { jobId: 'j' });
      if (name === 'deduplicated') {
        for (const jobId of ['d1', 'd2']) await queue.add('d', {}, { jobId, deduplication: { id: 'd' } });
      }
      if (name === 'cleaned') {
        await lab.pass(3);
        await queue.clean(0, 0, 'wait');
      }
      if (name === 'waiting-children') {
        await lab.flow().add({
          name: 'p',
          queueName: queue.name,
          opts: { jobId: 'p' },
          children: [{ name: 'c', queueName: queue.name }],
        });
      }
      if (name === 'stalled') {
        await lab.take(worker);
        await worker.getBackend().moveStalledJobsToWait();
        await lab.pass(40);
        await worker.getBackend().moveStalledJobsToWait();
      }
      const args: unknown[] = await heard;
      return { args: args.filter(arg => typeof arg === 'object'), cursor: typeof args.at(-1) };
    },
  ),
  'emits also under the id of the job': async lab => {
    const queue = lab.queue();
    const events = await lab.events({ lastEventId: lab.oldest });
    const heard = once(events, 'waiting:j' as 'waiting');
    await queue.add('j', {}, { jobId: 'j' });
    return (await heard)[0];
  },
  'resumes after a given cursor': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    const cursor = await lab.cursor(queue);
    await queue.add('b', {});
    const events = await lab.events({ lastEventId: cursor });
    return (await once(events, 'added'))[0];
  },
  'carries custom events of a QueueEventsProducer': async lab => {
    lab.queue();
    const events = await lab.events({ lastEventId: lab.oldest });
    const heard = once(events, 'mine' as 'waiting');
    await lab.producer().publishEvent({ eventName: 'mine', some: 'text', n: 3 });
    return (await heard)[0];
  },
  'closes while it waits': async lab => {
    const events = await lab.events({ blockingTimeout: 10_000 });
    await lab.pass(30);
    const began = performance.now();
    await events.close();
    return { quick: performance.now() - began < 3_000 };
  },
});

/** waitUntilFinished. */
export const waiting = family('events: waitUntilFinished', {
  'answers the value of a job that completes': async lab => {
    const queue = lab.queue();
    const events = await lab.events();
    const job = await queue.add('a', {});
    const value = job.waitUntilFinished(events);
    lab.worker(async () => ({ done: [1, null] }));
    return value;
  },
  'answers at once for a job that has completed': async lab => {
    const { queue } = await oneIn(lab, 'completed');
    const job = await queue.getJob('known');
    return job?.waitUntilFinished(await lab.events());
  },
  'rejects with the reason of a job that fails': async lab => {
    const queue = lab.queue();
    const events = await lab.events();
    const job = await queue.add('a', {});
    const value = lab.refusal(job.waitUntilFinished(events));
    lab.worker(async () => {
      throw new Error('no luck');
    });
    return value;
  },
  'rejects for a job that has failed': async lab => {
    const { queue } = await oneIn(lab, 'failed');
    const job = await queue.getJob('known');
    return lab.refusal(job?.waitUntilFinished(await lab.events()) ?? Promise.resolve());
  },
  'rejects for a job that is gone': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    const job = await queue.getJob('known');
    await queue.remove('known');
    return lab.refusal(job?.waitUntilFinished(await lab.events()) ?? Promise.resolve());
  },
  'rejects after its time limit': async lab => {
    const queue = lab.queue();
    const job = await queue.add('a', {});
    return lab.refusal(job.waitUntilFinished(await lab.events(), 30));
  },
});
