import { family, table } from '../engine.ts';

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
    const read = await queue.getBackend().readEvents(lab.oldest, 10);
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
