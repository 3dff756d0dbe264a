import { once } from 'node:events';
import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

/** The event stream as a log: order, cursors, trimming. */
export const stream = family('events: stream', {
  "tells a job's life in order": async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.add('a', {}, { attempts: 2 });
    await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
    await (await lab.take(worker)).moveToCompleted(1, 't', false);
    return lab.eventLog(queue);
  },
  'gives every event a cursor of its own, growing': async lab => {
    const queue = lab.queue();
    for (let n = 0; n < 20; n++) await queue.add('a', {});
    const cursors = (await lab.rawEvents(queue)).map(([cursor]) => cursor);
    const resumed: number[] = [];
    for (const cursor of cursors.slice(0, 5)) resumed.push((await lab.rawEvents(queue, cursor)).length);
    return { number: cursors.length, different: new Set(cursors).size, resumed };
  },
  'a cursor neither skips nor repeats': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    const first = await lab.rawEvents(queue);
    await queue.add('b', {});
    const second = await lab.rawEvents(queue, first.at(-1)?.[0]);
    return [first.length, second.map(([, fields]) => fields)];
  },
  'fields are flat arrays of text': async lab => {
    const queue = lab.queue();
    const job = await queue.add('a', {});
    await job.updateProgress({ n: 1 });
    return (await lab.rawEvents(queue)).map(([, fields]) => fields);
  },
  'names the stream of the queue once': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    const read = await queue.getBackend().readEvents('0-0', 10);
    return { streams: read?.length, entries: read?.[0]?.[1].length };
  },
  'reading with nothing new answers nothing after the block time': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    const cursor = await lab.cursor(queue);
    const began = performance.now();
    const read = await queue.getBackend().readEvents(cursor, 40);
    return { nothing: !read, waited: performance.now() - began > 30 };
  },
  'reading from $ sees only what comes later': async lab => {
    const queue = lab.queue();
    await queue.add('before', {});
    const other = lab.queue();
    const reading = other.getBackend().readEvents('$', 2_000);
    const stop = lab.until(async () => {
      await queue.add('after', {});
      return Promise.race([reading.then(() => true), lab.pass(20)]);
    });
    const read = await reading;
    await stop;
    const names = (read?.[0]?.[1] ?? []).map(([, fields]) => fields.join(' '));
    return { before: names.some(it => it.includes('before')), after: names.some(it => it.includes('after')) };
  },
  'a blocked reader wakes for an event of another client': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    const cursor = await lab.cursor(queue);
    const reading = lab.queue().getBackend().readEvents(cursor, 5_000);
    await lab.pass(20);
    const began = performance.now();
    await queue.add('b', {});
    const read = await reading;
    return { woke: performance.now() - began < 2_000, first: read?.[0]?.[1][0]?.[1] };
  },
  'each queue has a stream of its own': async lab => {
    const [one, two] = [lab.queue({}, 'one'), lab.queue({}, 'two')];
    await one.add('a', {});
    await two.add('b', {});
    return [await lab.eventLog(one), await lab.eventLog(two)];
  },
  'trimEvents(0) empties the stream of this queue only': async lab => {
    const [one, two] = [lab.queue({}, 'one'), lab.queue({}, 'two')];
    await one.add('a', {});
    await two.add('b', {});
    const removed = await one.trimEvents(0);
    return { removed, left: [(await lab.eventLog(one)).length, (await lab.eventLog(two)).length] };
  },
  'trimEvents above the length removes nothing': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    return { removed: await queue.trimEvents(100), left: (await lab.eventLog(queue)).length };
  },
  'cursors go on growing over a trim': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    const cursor = await lab.cursor(queue);
    await queue.trimEvents(0);
    await queue.add('b', {});
    return lab.eventLog(queue, cursor);
  },
  "is bounded by the queue's maxLen, approximately": async lab => {
    const queue = lab.queue({ streams: { events: { maxLen: 50 } } });
    await queue.waitUntilReady();
    for (let n = 0; n < 10; n++)
      await queue.addBulk(Array.from({ length: 40 }, () => ({ name: 'a', data: {} })));
    const length = (await lab.eventLog(queue)).length;
    return {
      bounded: length < 400,
      kept: length >= 50,
      meta: await queue.getBackend().getQueueMetaField('opts.maxLenEvents'),
    };
  },
  'publishEvent appends any fields and answers the cursor': async lab => {
    const queue = lab.queue();
    const cursor = await queue.getBackend().publishEvent({ event: 'mine', text: 'a\u0000b', n: 5 }, 100);
    const [entry] = await lab.rawEvents(queue);
    return { agreed: entry?.[0] === cursor, fields: entry?.[1] };
  },
  ...table(
    ['added', 'waiting', 'custom'] as const,
    name => `publishEvent may use the name ${name}`,
    async (lab, name) => {
      const queue = lab.queue();
      await queue.getBackend().publishEvent({ event: name, jobId: 'x' }, 100);
      return lab.eventLog(queue);
    },
  ),
});

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
      const events = await lab.events({ lastEventId: '0-0' });
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
    const events = await lab.events({ lastEventId: '0-0' });
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
    const events = await lab.events({ lastEventId: '0-0' });
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
