import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createSpillway } from '../../src/index.ts';
import { collectLog } from './collect-log.ts';
import { onEachEngine, refused } from './on-engines.ts';

onEachEngine('createSpillway', ({ name, start, fresh }) => {
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

  it('warns of options of a queue and of a worker that nobody knows, once each', async () => {
    const log = collectLog();
    const queueName = fresh();
    // Beside a schema the compiler does not see it.
    const schema = z.object({ to: z.string() });
    const spillway = start({
      logger: log.logger,
      queues: { [queueName]: { schema, defaultJobOption: { attempts: 3 } } },
    });
    spillway.queue(queueName);
    spillway.queue(queueName);
    const misspelt = { concurency: 3, concurrency: 2, autorun: false };
    spillway.worker(queueName, async () => {}, misspelt);
    const warned = log.lines.filter(({ details }) => 'option' in details);
    expect(warned.map(({ level, details }) => [level, details.queue, details.option])).toEqual([
      ['warn', queueName, 'defaultJobOption'],
      ['warn', queueName, 'concurency'],
    ]);
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
    const spillway = start({
      queues: ['mails', 'texts'],
    });
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

  it('refuses an option of createSpillway that it does not have', async () => {
    const message = await refused('SPILLWAY_INVALID_OPTION', () =>
      createSpillway({ engin: 'sqlite' } as object),
    );
    expect(message).toContain('engin');
    expect(message).toContain('there is no such option (did you mean engine? there are queues, logger');
  });

  it.each([null, 'redis://user:password@host', 4, ['mails']])(
    'refuses %j in place of options',
    async given => {
      const message = await refused('SPILLWAY_INVALID_OPTION', () => createSpillway(given as never));
      expect(message).toContain(
        'The options must be an object, as in createSpillway({ redis: …, queues: […] })',
      );
      expect(message).not.toContain('password');
    },
  );

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
});
