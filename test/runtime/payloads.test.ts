import type { Queue, Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { failure, onEachEngine, refused } from './on-engines.ts';

onEachEngine('what a queue takes', ({ start, fresh }) => {
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
      ['a window that ends before it begins', {}, { deduplication: { id: 'a', ttl: -1 } }, 'deduplication'],
      ['a window in words', {}, { deduplication: { id: 'a', ttl: '1h' } }, 'deduplication'],
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

    it.each<[object, string]>([
      [{ every: -1 }, 'every must be a number of milliseconds from 1 to'],
      [{ every: '5s' }, 'received "5s"'],
      [{ every: 0 }, 'every'],
      [{ every: 1000, limit: -1 }, 'limit must be a whole number from 1 up'],
      [{}, 'pattern or every must be given, and not both; received neither'],
      [{ every: 1000, pattern: '0 * * * *' }, 'received both'],
      [{ pattern: 7 }, 'pattern must be a cron expression'],
      [
        { pattern: 'every day' },
        `pattern must be a cron expression, as in '0 3 * * *'; received "every day": `,
      ],
      [{ pattern: '0 0 30 2 *' }, 'received "0 0 30 2 *"'],
      [{ pattern: '0 3 * * *', tz: 'Europe/Atlantis' }, 'tz must be the name of a time zone'],
      [{ pattern: '0 3 * * *', startDate: 'soon' }, 'startDate must be a date'],
      [{ every: 1000, endDate: 'soon' }, 'endDate must be a date'],
      [{ every: 1000, startDate: 5, immediately: true }, 'immediately must be absent where startDate is set'],
    ])('refuses a scheduler of %j, which would run at once and for ever, or never', async (repeat, part) => {
      const spillway = start();
      const queue = spillway.queue(fresh());
      const message = await refused('SPILLWAY_INVALID_JOB', () =>
        queue.upsertJobScheduler('often', repeat as never, { name: 'x' }),
      );
      expect(message).toContain(part);
      expect((await spillway.stats()).queues[queue.name]?.total).toBe(0);
    });

    it('refuses a scheduler without an id, and leaves patterns of its own to the strategy of a queue', async () => {
      const spillway = start();
      const queue = spillway.queue(fresh(), { settings: { repeatStrategy: millis => millis + 1_000 } });
      const forgotten = { pattern: '0 3 * * *' } as never;
      expect(
        await refused('SPILLWAY_INVALID_JOB', () => queue.upsertJobScheduler(forgotten, forgotten)),
      ).toContain('the id of its scheduler must be a text');
      expect(await queue.upsertJobScheduler('own', { pattern: 'every second' })).toBeDefined();
    });

    it('refuses a bulk that is no list', async () => {
      const queue = start().queue(fresh());
      expect(await refused('SPILLWAY_INVALID_JOB', () => queue.addBulk({} as never))).toContain(
        'must be a list of jobs',
      );
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
      const spillway = start({
        queues: { letters: { schema: mail }, shouts: { schema: slow }, plain: {} },
      });
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
});
