import { expect, it, onTestFinished } from 'vitest';
import { createSpillway, type Spillway, type SpillwayOptions } from '../../src/index.ts';
import { collectLog } from './collect-log.ts';

/** What a program in JavaScript may write. */
const wrong = (value: unknown) => value as never;
const handler = async () => {};

function start(options: object = {}) {
  const { logger, lines } = collectLog();
  const own = { environment: {}, handleSignals: false, logger, sqlite: { file: ':memory:' } };
  const spillway = createSpillway({ ...own, ...options } as SpillwayOptions);
  onTestFinished(() => spillway.close());
  return { spillway, lines };
}

it.each<[string, object, string]>([
  ['a cache that is off', { cache: false }, 'cache must be an object, as in { cache: { enabled: false } }'],
  ['a misspelt option', { redsi: 'redis://h' }, 'did you mean redis?'],
  ['a misspelt option of the file', { sqlite: { fiel: 'x.db' } }, 'did you mean sqlite.file?'],
  ['a queue that is no options', { queues: { mails: 'x' } }, 'options of queue "mails" must be an object'],
])('createSpillway with %s is refused', (_name, options, text) => {
  const refused = { code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(text) };
  expect(() => start(options)).toThrow(expect.objectContaining(refused));
});

it.each<[string, (spillway: Spillway) => unknown, string]>([
  ['a queue of a text', s => s.queue('mails', wrong('x')), 'options of queue "mails" must be an object'],
  ['a queue of nothing', s => s.queue('mails', wrong(null)), 'options of queue "mails" must be an object'],
  [
    'a queue with a connection',
    s => s.queue('mails', wrong({ connection: {} })),
    'say with the option redis of createSpillway',
  ],
  [
    'a queue with another prefix',
    s => s.queue('mails', wrong({ prefix: 5 })),
    'prefix of queue "mails" must be a text',
  ],
  [
    'a schema that is none',
    s => s.queue('mails', wrong({ schema: {} })),
    'schema of queue "mails" must be a Standard Schema',
  ],
  [
    'defaults of a text',
    s => s.queue('mails', wrong({ defaultJobOptions: 'x' })),
    'defaultJobOptions of queue "mails" must be an object',
  ],
  [
    'misspelt defaults',
    s => s.queue('mails', wrong({ defaultJobOptions: { atempts: 3 } })),
    'did you mean attempts?',
  ],
  [
    'a worker of nothing',
    s => s.worker('mails', handler, wrong(null)),
    'options of a worker for queue "mails" must be an object',
  ],
  [
    'a worker with a connection',
    s => s.worker('mails', handler, wrong({ connection: {} })),
    'option redis of createSpillway',
  ],
  [
    'a misspelt limit',
    s => s.worker('mails', handler, wrong({ limiter: { max: 5, duraton: 1000 } })),
    'limiter of a worker',
  ],
  [
    'a limit of nothing',
    s => s.worker('mails', handler, { limiter: { max: 0, duration: 1000 } }),
    'max: a whole number from 1 up',
  ],
  [
    'a worker that keeps words',
    s => s.worker('mails', handler, wrong({ removeOnFail: 'yes' })),
    'removeOnFail of a worker',
  ],
  [
    'a worker that runs by a word',
    s => s.worker('mails', handler, wrong({ autorun: 'no' })),
    'autorun of a worker',
  ],
  [
    'events of a text',
    s => s.queueEvents('mails', wrong('x')),
    'options of the events of queue "mails" must be an object',
  ],
  ['a flow of a text', s => s.flow(wrong('x')), 'options of a flow producer must be an object'],
])('%s is refused', (_name, open, text) => {
  const { spillway } = start();
  const refused = { code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(text) };
  expect(() => open(spillway)).toThrow(expect.objectContaining(refused));
});

it.each<[string, (spillway: Spillway) => Promise<unknown>, string]>([
  [
    'a misspelt option',
    s => s.queue('mails').add('a', {}, wrong({ atempts: 3 })),
    'did you mean attempts?; received 3',
  ],
  [
    'a delay alone',
    s => s.queue('mails').add('a', {}, wrong(5000)),
    'options must be an object { delay, attempts, … }; received 5000',
  ],
  [
    'a repetition',
    s => s.queue('mails').add('a', {}, wrong({ repeat: { every: 1 } })),
    'it is upsertJobScheduler that repeats jobs',
  ],
  [
    'a parent that is none',
    s => s.queue('mails').add('a', {}, wrong({ parent: 'x' })),
    'parent must be an object { id, queue }',
  ],
  [
    'a word for a boolean',
    s => s.queue('mails').add('a', {}, wrong({ lifo: 'yes' })),
    'lifo must be true or false',
  ],
  ['nothing in a list', s => s.queue('mails').addBulk([wrong(null)]), '(number 0 of the list)'],
  [
    'a misspelt schedule',
    s => s.queue('mails').upsertJobScheduler('x', wrong({ every: 1000, limt: 5 })),
    'did you mean limit?',
  ],
  [
    'a schedule that is over',
    s => s.queue('mails').upsertJobScheduler('x', { every: 1000, endDate: 5 }),
    'a date in the future',
  ],
  [
    'a template of a text',
    s => s.queue('mails').upsertJobScheduler('x', { every: 1000 }, wrong('job')),
    'the template of its scheduler',
  ],
  [
    'a flow of nothing',
    s => s.flow().add(wrong(undefined)),
    'a job of a flow must be an object { name, queueName',
  ],
  [
    'children that are no list',
    s => s.flow().add({ name: 'a', queueName: 'mails', children: wrong({}) }),
    'children must be a list',
  ],
  [
    'a child of nothing',
    s => s.flow().add({ name: 'a', queueName: 'mails', children: [wrong(null)] }),
    'a job of a flow',
  ],
  ['flows that are no list', s => s.flow().addBulk(wrong({})), 'must be a list of flows'],
])('a job with %s is refused, and nothing stored', async (_name, add, text) => {
  const { spillway } = start();
  spillway.queue('mails');
  const refused = { code: 'SPILLWAY_INVALID_JOB', message: expect.stringContaining(text) };
  await expect(add(spillway)).rejects.toMatchObject(refused);
  expect((await spillway.stats()).queues.mails?.total).toBe(0);
});

it('what BullMQ may know one day is handed on: of a job in silence, of a worker with a warning that says what was meant', async () => {
  const { spillway, lines } = start();
  await spillway.queue('mails').add('a', {}, wrong({ somethingNew: 1 }));
  spillway.worker('mails', handler, wrong({ autorun: false, concurency: 5 }));
  expect(lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
    expect.stringContaining(
      'has the option concurency, which neither BullMQ nor Spillway knows: it has no effect (did you mean concurrency?)',
    ),
  ]);
});

it('a job of no queue, and a switch with a misspelt word, are refused', async () => {
  const { spillway } = start();
  await expect(spillway.job(wrong(undefined), '1')).rejects.toMatchObject({ code: 'SPILLWAY_UNKNOWN_QUEUE' });
  const change = { by: 'ada', reason: 'test', expiresin: '5m' };
  await expect(spillway.switches.set('cache', 'off', change)).rejects.toMatchObject({
    code: 'SPILLWAY_INVALID_OPTION',
    message: expect.stringContaining('did you mean expiresIn?'),
  });
});
