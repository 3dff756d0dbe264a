import { once } from 'node:events';
import { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { collectLog } from '../test/runtime/collect-log.ts';
import { deferred } from '../test/runtime/deferred.ts';
import { startEngine, type TestEngine, testedEngines } from '../test/runtime/engines.ts';
import { createSpillway, isSpillwayError, type Spillway, type SpillwayErrorCode } from './index.ts';

const failure = async (run: () => unknown): Promise<Error> => {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not throw');
};

const refused = async (code: SpillwayErrorCode, run: () => unknown): Promise<string> => {
  const error = await failure(run);
  expect([isSpillwayError(error), (error as { code?: string }).code, error.message]).toEqual([
    true,
    code,
    expect.any(String),
  ]);
  return error.message;
};

describe.each(testedEngines)('createSpillway on %s', name => {
  let engine: TestEngine;
  const open: Spillway[] = [];
  let names = 0;
  const fresh = () => `queue-${++names}`;

  const start = (options: Parameters<typeof createSpillway>[0] = {}) => {
    const spillway = createSpillway({
      logger: false,
      handleSignals: false,
      environment: {},
      ...engine.options,
      ...options,
    });
    open.push(spillway);
    return spillway;
  };

  beforeAll(async () => {
    engine = await startEngine(name);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map(spillway => spillway.close()));
  });
  afterAll(() => engine.stop());

  it("gives BullMQ's own objects, and a job goes through them", async () => {
    const spillway = start();
    const queueName = fresh();
    const queue = spillway.queue(queueName);
    const events = spillway.queueEvents(queueName);
    const worker = spillway.worker(queueName, async job => job.data.left + job.data.right);
    expect([
      queue instanceof Queue,
      events instanceof QueueEvents,
      worker instanceof Worker,
      spillway.flow() instanceof FlowProducer,
      spillway.engine,
    ]).toEqual([true, true, true, true, name]);

    await events.waitUntilReady();
    const job = await queue.add('sum', { left: 2, right: 3 });
    expect(await job.waitUntilFinished(events)).toBe(5);
  });

  it('says in one line which engine keeps the jobs, and why', () => {
    const log = collectLog();
    start({ logger: log.logger });
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({
      level: 'info',
      details: { engine: name, reason: `the option engine is ${name}` },
    });
  });

  it('gives the same queue for the same name, and refuses other options for it', async () => {
    const spillway = start();
    const queueName = fresh();
    const settings = { defaultJobOptions: { attempts: 3 } };
    const queue = spillway.queue(queueName, settings);
    expect(spillway.queue(queueName)).toBe(queue);
    expect(spillway.queue(queueName, { defaultJobOptions: { attempts: 3 } })).toBe(queue);
    const message = await refused('SPILLWAY_INVALID_OPTION', () =>
      spillway.queue(queueName, { defaultJobOptions: { attempts: 4 } }),
    );
    expect(message).toContain(queueName);
    expect(spillway.queueEvents(queueName)).toBe(spillway.queueEvents(queueName));
    expect(spillway.flow()).toBe(spillway.flow());
  });

  it('opens a queue anew after its user has closed it', async () => {
    const spillway = start();
    const queueName = fresh();
    const queue = spillway.queue(queueName);
    await queue.close();
    await refused('SPILLWAY_CLOSED', () => queue.add('x', {}));
    expect((await spillway.queue(queueName).add('x', {})).id).toBeTypeOf('string');
  });

  it('knows only the declared queues, when there are any', async () => {
    const spillway = createSpillway({
      ...engine.options,
      environment: {},
      logger: false,
      handleSignals: false,
      queues: ['mails', 'texts'],
    });
    open.push(spillway as unknown as Spillway);
    expect(spillway.queue('mails').name).toBe('mails');
    // @ts-expect-error the compiler knows the names too
    const message = await refused('SPILLWAY_UNKNOWN_QUEUE', () => spillway.queue('mials'));
    expect(message).toContain('known are: mails, texts');
    // @ts-expect-error
    await refused('SPILLWAY_UNKNOWN_QUEUE', () => spillway.worker('mials', async () => {}));
    // @ts-expect-error
    await refused('SPILLWAY_UNKNOWN_QUEUE', () => spillway.job('mials', '1'));
    await refused('SPILLWAY_UNKNOWN_QUEUE', () =>
      spillway.flow().add({ name: 'x', queueName: 'mails', children: [{ name: 'y', queueName: 'mials' }] }),
    );
    expect((await spillway.stats()).queues.mails?.total).toBe(0);
  });

  it.each([
    ['', 'an empty text'],
    ['a:b', '"a:b"'],
    ['x'.repeat(201), '201 characters'],
    ['a\u0000b', '"a\\u0000b"'],
    [7, 'type number'],
  ])('refuses the queue name %j', async (bad, received) => {
    const spillway = start();
    for (const use of [
      () => spillway.queue(bad as string),
      () => spillway.worker(bad as string, null),
      () => spillway.queueEvents(bad as string),
      () => spillway.flow().add({ name: 'x', queueName: bad as string }),
    ]) {
      expect(await refused('SPILLWAY_INVALID_OPTION', use)).toContain(received);
    }
  });

  it.each([
    [{ concurrency: 0 }, 'concurrency'],
    [{ concurrency: Number.NaN }, 'concurrency'],
    [{ lockDuration: -1 }, 'lockDuration'],
    [{ stalledInterval: 0 }, 'stalledInterval'],
    [{ maxStalledCount: -1 }, 'maxStalledCount'],
  ])('refuses worker options %j before anything is opened', async (settings, option) => {
    const spillway = start();
    const message = await refused('SPILLWAY_INVALID_OPTION', () =>
      spillway.worker(fresh(), async () => {}, settings),
    );
    expect(message).toContain(`Option ${option}`);
    await refused('SPILLWAY_INVALID_OPTION', () => spillway.worker(fresh(), './no-such-file.js'));
  });

  describe('a job that BullMQ would store wrongly or refuse untyped', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;

    it.each<[string, unknown, object | undefined, string]>([
      ['circular data', circular, undefined, 'circular'],
      ['a BigInt', { big: 1n }, undefined, 'BigInt'],
      ['a function', () => 1, undefined, 'a function'],
      ['nothing but functions', { run: () => 1 }, undefined, 'nothing but functions'],
      ['a delay of NaN', {}, { delay: Number.NaN }, 'delay must be a number of milliseconds from 0'],
      ['an infinite delay', {}, { delay: Number.POSITIVE_INFINITY }, 'received Infinity'],
      ['a negative delay', {}, { delay: -1 }, 'received -1'],
      ['a negative priority', {}, { priority: -1 }, 'priority must be a whole number from 0'],
      ['a fractional priority', {}, { priority: 1.5 }, 'received 1.5'],
      ['a priority beyond the limit', {}, { priority: 2_097_152 }, 'to 2097151'],
      ['an id with a colon', {}, { jobId: 'a:b:c' }, 'received "a:b:c"'],
      ['an id that is a number', {}, { jobId: 12 }, 'received 12'],
      ['an id of digits', {}, { jobId: '12' }, 'received "12"'],
      ['negative attempts', {}, { attempts: -1 }, 'attempts'],
      ['a backoff without a type', {}, { backoff: { delay: 1 } }, 'backoff'],
      ['a jitter above 1', {}, { backoff: { type: 'fixed', jitter: 2 } }, 'jitter'],
      ['too many bytes', { text: 'ä'.repeat(10) }, { sizeLimit: 20 }, 'at most 20 bytes'],
      ['no deduplication id', {}, { deduplication: { id: '' } }, 'deduplication'],
    ])(
      '%s is refused, alone, in a list and in a flow, and nothing is stored',
      async (_, data, opts, part) => {
        const spillway = start();
        const queue = spillway.queue(fresh());
        const bad = { name: 'bad', data, ...(opts === undefined ? {} : { opts }) };
        const good = { name: 'good', data: {} };
        expect(await refused('SPILLWAY_INVALID_JOB', () => queue.add('bad', data, opts))).toContain(part);
        const listed = await refused('SPILLWAY_INVALID_JOB', () => queue.addBulk([good, bad]));
        expect(listed).toContain('number 1 of the list');
        await refused('SPILLWAY_INVALID_JOB', () =>
          spillway.flow().add({
            name: 'parent',
            queueName: queue.name,
            children: [{ ...bad, queueName: queue.name } as never],
          }),
        );
        expect((await spillway.stats()).queues[queue.name]?.total).toBe(0);
      },
    );

    it('refuses default options that would spoil every job', async () => {
      const message = await refused('SPILLWAY_INVALID_OPTION', () =>
        start().queue(fresh(), { defaultJobOptions: { delay: -5 } }),
      );
      expect(message).toContain('defaultJobOptions.delay');
    });

    it('still takes what is merely unusual', async () => {
      const queue = start().queue(fresh());
      const odd = [undefined, null, 0, '', [], {}, { toJSON: () => 'x' }, { f: () => 1, x: 1 }, new Date(0)];
      await queue.addBulk(odd.map((data, index) => ({ name: `odd-${index}`, data })));
      await queue.add('late', {}, { delay: 3_600_000.2, priority: 2_097_151, jobId: 'a-1', attempts: 0 });
      await queue.addBulk([{ name: 'late', data: {}, opts: { delay: 3_600_000.2 } }]);
      expect((await queue.getDelayed()).map(job => job.delay)).toEqual([3_600_001, 3_600_001]);
      expect(await queue.getJobCountByTypes('wait', 'prioritized', 'delayed')).toBe(odd.length + 2);
    });
  });

  describe('typed payloads', () => {
    const mail = z.object({ to: z.string(), copies: z.coerce.number().default(1) });

    it('stores the parsed output, and infers types on both sides', async () => {
      const spillway = start();
      const queueName = fresh();
      const queue = spillway.queue(queueName, { schema: mail });
      const job = await queue.add('send', { to: 'ada' });
      expect((await queue.getJob(job.id ?? ''))?.data).toEqual({ to: 'ada', copies: 1 });

      const events = spillway.queueEvents(queueName);
      await events.waitUntilReady();
      spillway.worker(queueName, async ({ data }) => `${data.to.toUpperCase()} ${data.copies.toFixed(1)}`, {
        schema: mail,
      });
      expect(await job.waitUntilFinished(events)).toBe('ADA 1.0');
    });

    it('refuses a bad payload with its path and type, never its value, and stores nothing', async () => {
      const spillway = start();
      const queue = spillway.queue(fresh(), { schema: mail });
      const bad = { to: { password: 'hunter2' } } as unknown as { to: string };
      const message = await refused('SPILLWAY_INVALID_PAYLOAD', () => queue.add('send', bad));
      expect(message).toContain('data.to is an object');
      const listed = await failure(() =>
        queue.addBulk([
          { name: 'ok', data: { to: 'x' } },
          { name: 'send', data: bad },
        ]),
      );
      expect(JSON.stringify([message, listed, listed.message, listed.stack])).not.toContain('hunter2');
      await refused('SPILLWAY_INVALID_PAYLOAD', () =>
        queue.upsertJobScheduler('often', { every: 1000 }, { data: bad }),
      );
      await refused('SPILLWAY_INVALID_PAYLOAD', () =>
        spillway.flow().add({ name: 'x', queueName: queue.name, data: bad }),
      );
      expect((await spillway.stats()).queues[queue.name]?.total).toBe(0);
    });

    it('takes schemas from the declared map, also of other libraries and asynchronous', async () => {
      const slow = {
        '~standard': {
          version: 1 as const,
          vendor: 'other',
          types: undefined as { input: string; output: string } | undefined,
          validate: async (value: unknown) =>
            typeof value === 'string'
              ? { value: `${value}!` }
              : { issues: [{ message: `not a text: ${String(value)}`, path: [] }] },
        },
      };
      const spillway = createSpillway({
        ...engine.options,
        environment: {},
        logger: false,
        handleSignals: false,
        queues: { letters: { schema: mail }, shouts: { schema: slow }, plain: {} },
      });
      open.push(spillway as unknown as Spillway);
      // @ts-expect-error the compiler knows the payload of the declared queue
      await refused('SPILLWAY_INVALID_PAYLOAD', () => spillway.queue('letters').add('x', { to: 1 }));
      expect((await spillway.queue('shouts').add('x', 'hey')).data).toBe('hey!');
      const message = await refused('SPILLWAY_INVALID_PAYLOAD', () =>
        spillway.queue('shouts').add('x', 424242 as unknown as string),
      );
      expect(message).toContain('data is a number');
      expect(message).not.toContain('424242');
      expect((await spillway.queue('plain').add('x', { any: true })).id).toBeTypeOf('string');
      await spillway.queue('shouts').obliterate({ force: true });
      await spillway.queue('plain').obliterate({ force: true });
    });

    it('has types that fit code written for BullMQ', () => {
      const spillway = start();
      const plain: Queue = spillway.queue(fresh());
      const own: Queue<{ to: string }> = spillway.queue<{ to: string }>(fresh());
      const typed: Queue = spillway.queue(fresh(), { schema: mail });
      const worker: Worker = spillway.worker(fresh(), null);
      expect([plain, own, typed, worker]).toHaveLength(4);
    });
  });

  describe('stats and job', () => {
    it('counts every state, in the same shape', async () => {
      const spillway = start();
      const queue = spillway.queue(fresh());
      const worker = spillway.worker(
        queue.name,
        async job => {
          if (job.name === 'bad') throw new UnrecoverableError('no good');
          return { ok: true };
        },
        { autorun: false },
      );
      await queue.addBulk([
        { name: 'good', data: {} },
        { name: 'bad', data: {} },
      ]);
      const running = worker.run();
      await once(worker, 'drained');
      await worker.close();
      await running;
      await queue.add('now', {});
      await queue.add('later', {}, { delay: 3_600_000 });
      await queue.add('urgent', {}, { priority: 1 });
      await spillway.flow().add({
        name: 'parent',
        queueName: queue.name,
        children: [{ name: 'child', queueName: queue.name }],
      });

      const stats = await spillway.stats();
      expect(stats.mode).toBe(name);
      expect(stats.queues[queue.name]).toEqual({
        waiting: 2,
        active: 0,
        completed: 1,
        failed: 1,
        delayed: 1,
        prioritized: 1,
        waitingChildren: 1,
        total: 7,
      });
    });

    it('shows one job', async () => {
      const spillway = start();
      const queue = spillway.queue(fresh());
      const added = await queue.add('report', { secret: 'hunter2' });
      const id = added.id ?? '';
      expect(await spillway.job(queue.name, id)).toEqual({
        id,
        name: 'report',
        queue: queue.name,
        state: 'waiting',
        progress: 0,
        attemptsMade: 0,
        timestamps: { created: added.timestamp },
      });

      const worker = spillway.worker(queue.name, async job => {
        await job.updateProgress(40);
        throw new UnrecoverableError('out of ink');
      });
      await once(worker, 'failed');
      expect(await spillway.job(queue.name, id)).toMatchObject({
        state: 'failed',
        progress: 40,
        attemptsMade: 1,
        failedReason: 'out of ink',
        timestamps: { started: expect.any(Number), finished: expect.any(Number) },
      });
      expect(await spillway.job(queue.name, 'no-such-job')).toBeUndefined();
      await refused('SPILLWAY_UNKNOWN_QUEUE', () => spillway.job('from-a-request', id));
    });
  });

  describe('close', () => {
    it('lets running jobs finish, once for all callers, and refuses everything after', async () => {
      const spillway = start();
      const other = start();
      const queue = spillway.queue(fresh());
      const release = deferred();
      const worker = spillway.worker(queue.name, async () => {
        await release.promise;
        return 'finished';
      });
      // SQLite wakes the worker in the turn of the commit: listen before adding.
      const [added] = await Promise.all([queue.add('slow', {}), once(worker, 'active')]);
      const closing = spillway.close();
      expect(spillway.close()).toBe(closing);
      release.resolve();
      await Promise.all([closing, spillway.close()]);

      other.queue(queue.name);
      expect(await other.job(queue.name, added.id ?? '')).toMatchObject({
        state: 'completed',
        returnvalue: 'finished',
      });
      for (const use of [
        () => spillway.queue('x'),
        () => spillway.worker('x', null),
        () => spillway.queueEvents('x'),
        () => spillway.flow(),
        () => spillway.stats(),
        () => spillway.job('x', '1'),
        () => queue.add('x', {}),
        () => queue.addBulk([{ name: 'x', data: {} }]),
      ]) {
        await refused('SPILLWAY_CLOSED', use);
      }
    });

    it('gives a job back that does not finish in time, and refuses its late result', async () => {
      const log = collectLog();
      const spillway = start({ shutdownTimeoutMs: 0, logger: log.logger });
      const other = start();
      const queue = other.queue(fresh());
      const release = deferred();
      const aborted = deferred();
      const worker = spillway.worker(queue.name, async (_job, _token, signal) => {
        signal?.addEventListener('abort', () => aborted.resolve());
        await release.promise;
        return 'too late';
      });
      const running = await Promise.all([queue.add('stuck', {}), once(worker, 'active')]);
      const id = running[0].id ?? '';
      await spillway.close();
      await aborted.promise;
      expect(await other.job(queue.name, id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
      expect(log.lines.filter(line => line.level === 'warn').map(line => line.details)).toEqual([
        { queue: queue.name, givenBack: [id], left: [] },
      ]);

      const again = other.worker(queue.name, async () => 'second run');
      await once(again, 'completed');
      release.resolve();
      await again.close();
      expect(await other.job(queue.name, id)).toMatchObject({
        state: 'completed',
        returnvalue: 'second run',
      });
    });
  });
});
