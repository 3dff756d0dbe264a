import { family, table } from '../engine.ts';

/** Which id a job gets, and what a second add with the same id does. */
export const ids = family('add: ids', {
  'numbers jobs from 1 in the order they were added': async lab => {
    const queue = lab.queue();
    const jobs = [await queue.add('a', {}), await queue.add('b', {}), await queue.add('c', {})];
    return jobs.map(job => job.id);
  },
  'advances the counter for custom ids too': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'mine' });
    return (await queue.add('b', {})).id;
  },
  'advances the counter for a duplicate custom id': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'mine' });
    await queue.add('a', {}, { jobId: 'mine' });
    return (await queue.add('b', {})).id;
  },
  'advances the counter for a de-duplicated add': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { deduplication: { id: 'd' } });
    await queue.add('a', {}, { deduplication: { id: 'd' } });
    return (await queue.add('b', {})).id;
  },
  'counts delayed and prioritized jobs with the same counter': async lab => {
    const queue = lab.queue();
    return [
      (await queue.add('a', {}, { delay: 60_000 })).id,
      (await queue.add('b', {}, { priority: 5 })).id,
      (await queue.add('c', {}, { lifo: true })).id,
    ];
  },
  'does not reuse the number of a removed job': async lab => {
    const queue = lab.queue();
    const first = await queue.add('a', {});
    await first.remove();
    return (await queue.add('b', {})).id;
  },
  'starts again from 1 after obliterate': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    await queue.add('b', {});
    await queue.obliterate();
    return (await queue.add('c', {})).id;
  },
  'counts each queue apart': async lab => {
    const [one, two] = [lab.queue({}, 'one'), lab.queue({}, 'two')];
    await one.add('a', {});
    return [(await one.add('b', {})).id, (await two.add('c', {})).id];
  },
  'keeps the first job when a custom id is added twice': async lab => {
    const queue = lab.queue();
    await queue.add('first', { n: 1 }, { jobId: 'mine', priority: 0 });
    const second = await queue.add('second', { n: 2 }, { jobId: 'mine', delay: 60_000 });
    return { id: second.id, stored: await lab.stored(queue, 'mine'), where: await lab.where(queue) };
  },
  'emits duplicated for a second add of a custom id': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'mine' });
    return lab.eventsOf(queue, () => queue.add('a', {}, { jobId: 'mine' }));
  },
  'takes a custom id as new once its job was removed': async lab => {
    const queue = lab.queue();
    await (await queue.add('a', { n: 1 }, { jobId: 'mine' })).remove();
    await queue.add('b', { n: 2 }, { jobId: 'mine' });
    return lab.stored(queue, 'mine');
  },
  'ignores an add of an id that completed and was kept': async lab => {
    const queue = lab.queue();
    await lab.complete(queue, lab.worker(), 'a', 'ok', { jobId: 'mine' });
    const events = await lab.eventsOf(queue, () => queue.add('b', {}, { jobId: 'mine' }));
    return { events, where: await lab.where(queue), stored: await lab.stored(queue, 'mine') };
  },
  'ignores an add of an id that is active': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'mine' });
    await lab.take(lab.worker());
    await queue.add('b', {}, { jobId: 'mine' });
    return { where: await lab.where(queue), stored: await lab.stored(queue, 'mine') };
  },
  'keeps ids with unusual letters as they are': async lab => {
    const queue = lab.queue();
    for (const jobId of ['häß lich', 'a/b', '%', '_x', "o'hara", '"q"', '日本', 'A', 'a']) {
      await queue.add('a', {}, { jobId });
    }
    return { where: await lab.where(queue), found: (await queue.getJob("o'hara"))?.id };
  },
  'tells upper from lower case in ids': async lab => {
    const queue = lab.queue();
    await queue.add('upper', {}, { jobId: 'JOB' });
    await queue.add('lower', {}, { jobId: 'job' });
    return [(await queue.getJob('JOB'))?.name, (await queue.getJob('job'))?.name];
  },
  'adds in bulk under consecutive ids': async lab => {
    const queue = lab.queue();
    const jobs = await queue.addBulk([
      { name: 'a', data: { n: 1 } },
      { name: 'b', data: { n: 2 }, opts: { jobId: 'mine' } },
      { name: 'c', data: { n: 3 }, opts: { delay: 60_000 } },
      { name: 'd', data: { n: 4 }, opts: { priority: 2 } },
      { name: 'e', data: { n: 5 } },
    ]);
    return { ids: jobs.map(job => job.id), where: await lab.where(queue) };
  },
  'answers the existing id for duplicates inside one bulk': async lab => {
    const queue = lab.queue();
    const jobs = await queue.addBulk([
      { name: 'a', data: {}, opts: { jobId: 'mine' } },
      { name: 'b', data: {}, opts: { jobId: 'mine' } },
      { name: 'c', data: {} },
    ]);
    return { ids: jobs.map(job => job.id), where: await lab.where(queue), log: await lab.eventLog(queue) };
  },
  'adds an empty bulk as nothing': async lab => {
    const queue = lab.queue();
    const none = await queue.addBulk([]);
    await queue.add('a', {});
    return { none: none.length, where: await lab.where(queue) };
  },
  'merges the default options of the queue': async lab => {
    const queue = lab.queue({ defaultJobOptions: { attempts: 3, backoff: 7, priority: 4 } });
    await queue.add('a', {}, { attempts: 5 });
    return { stored: await lab.stored(queue, '1'), where: await lab.where(queue) };
  },
});

const payloads: readonly (readonly [string, unknown])[] = [
  ['an empty object', {}],
  ['undefined', undefined],
  ['null', null],
  ['a string', 'text'],
  ['an empty string', ''],
  ['a number', 42.5],
  ['a large integer', 9007199254740991],
  ['false', false],
  ['an array', [1, [2, []], {}]],
  ['an empty array', []],
  ['keys in their own order', { z: 1, a: 2, 10: 3, 9: 4, m: { y: 1, b: 2 } }],
  ['a NUL character', { text: 'a\u0000b' }],
  ['unicode beyond the basic plane', { text: '😀 ﷽ é' }],
  ['a lone surrogate', { text: '\ud800' }],
  ['quotes, backslashes and line breaks', { text: '"\\\n\r\t\u2028\'' }],
  ['text that looks like SQL', { text: "'; DROP TABLE jobs; -- %_" }],
  ['100 kB of text', { text: 'x'.repeat(100_000) }],
  ['deep nesting', { a: { b: { c: { d: { e: { f: [null] } } } } } }],
  ['numbers with exponents', { tiny: 1e-9, huge: 1e300, negative: -0.5 }],
];

/** The data text is opaque: what went in comes out, letter by letter. */
export const data = family(
  'add: data',
  table(
    payloads,
    ([name]) => `keeps ${name}`,
    async (lab, [, payload]) => {
      const queue = lab.queue();
      await queue.add('a', payload);
      const raw = (await queue.getBackend().getJobData('1'))?.data;
      const text = typeof raw === 'string' && raw.length > 1_000 ? raw.length : raw;
      const again = JSON.stringify((await queue.getJob('1'))?.data);
      return { text, again: again.length > 1_000 ? again.length : again };
    },
  ),
);

const refusals: readonly (readonly [string, object])[] = [
  ['an integer as custom id', { jobId: '7' }],
  ['the id 0', { jobId: '0' }],
  ['an id starting with 0:', { jobId: '0:a' }],
  ['a colon in the id', { jobId: 'a:b' }],
  ['a float as priority', { priority: 1.5 }],
  ['a priority beyond the limit', { priority: 2 ** 21 }],
  ['de-duplication without an id', { deduplication: { ttl: 5 } }],
  ['data beyond the size limit', { sizeLimit: 10 }],
  ['two policies for a failed child', { failParentOnFailure: true, ignoreDependencyOnFailure: true }],
  ['the removed debounce option', { debounce: { id: 'a' } }],
  ['a jitter beyond 1', { backoff: { type: 'fixed', delay: 1, jitter: 2 } }],
  ['a parent that does not exist', { parent: { id: 'nobody', queue: 'bull:nowhere' } }],
];

/** Adds that must be refused, and leave nothing behind. */
export const refused = family(
  'add: refusals',
  table(
    refusals,
    ([name]) => `refuses ${name}`,
    async (lab, [, opts]) => {
      const queue = lab.queue();
      const refusal = await lab.refusal(queue.add('a', { text: 'longer than ten bytes' }, opts));
      await queue.add('next', {});
      return { refusal, where: await lab.where(queue) };
    },
  ),
);

const options: readonly (readonly [string, object])[] = [
  ['attempts', { attempts: 4 }],
  ['a numeric backoff', { attempts: 2, backoff: 250 }],
  ['an exponential backoff', { backoff: { type: 'exponential', delay: 10, jitter: 0.5 } }],
  ['delay', { delay: 90_000 }],
  ['priority', { priority: 12 }],
  ['the largest priority', { priority: 2 ** 21 - 1 }],
  ['lifo', { lifo: true }],
  ['removeOnComplete as boolean', { removeOnComplete: true }],
  ['removeOnComplete as number', { removeOnComplete: 5 }],
  ['removeOnFail with age and count', { removeOnFail: { age: 60, count: 10, limit: 3 } }],
  ['keepLogs', { keepLogs: 2 }],
  ['stackTraceLimit', { stackTraceLimit: 1 }],
  ['sizeLimit', { sizeLimit: 1_000 }],
  ['an explicit timestamp', { timestamp: 1_234_567_890 }],
  ['a de-duplication id', { deduplication: { id: 'once' } }],
  ['all of de-duplication', { deduplication: { id: 'once', ttl: 60_000, extend: true, replace: true } }],
  ['failParentOnFailure', { failParentOnFailure: true }],
  ['removeDependencyOnFailure', { removeDependencyOnFailure: true }],
  ['ignoreDependencyOnFailure', { ignoreDependencyOnFailure: true }],
  ['continueParentOnFailure', { continueParentOnFailure: true }],
  ['telemetry', { telemetry: { metadata: 'trace', omitContext: true } }],
  ['an option nobody knows', { custom: { b: 1, a: [true, null, 'x'] } }],
  ['delay 0', { delay: 0 }],
  ['a negative delay', { delay: -5 }],
  ['delay and priority together', { delay: 90_000, priority: 3 }],
  ['prevMillis', { prevMillis: 5 }],
  ['a repeat job key', { repeatJobKey: 'key' }],
];

/** Every option is stored, read back under its public name, and sends the job to the right state. */
export const stored = family(
  'add: options',
  table(
    options,
    ([name]) => `stores ${name}`,
    async (lab, [, opts]) => {
      const queue = lab.queue();
      await queue.add('named', { n: 1 }, opts);
      return { stored: await lab.stored(queue, '1'), where: await lab.where(queue) };
    },
  ),
);
