import { ok } from 'node:assert/strict';
import type { RepeatOptions } from 'bullmq';
import { family, table } from '../engine.ts';
import { scheduler } from './fixtures.ts';

const hour = 3_600_000;

const schedules: readonly (readonly [string, Omit<RepeatOptions, 'key'>])[] = [
  ['every hour', { every: hour }],
  ['every hour with a limit', { every: hour, limit: 5 }],
  ['every hour with an offset', { every: hour, offset: 1_000 }],
  ['every hour from a start date', { every: hour, startDate: Date.now() + 2 * hour }],
  ['every hour until an end date', { every: hour, endDate: Date.now() + 48 * hour }],
  ['a cron pattern', { pattern: '0 0 1 1 *' }],
  ['a cron pattern in a time zone', { pattern: '0 0 1 1 *', tz: 'Asia/Tokyo' }],
  ['a cron pattern with a limit', { pattern: '0 0 1 1 *', limit: 2 }],
  ['a cron pattern from a start date', { pattern: '0 0 1 1 *', startDate: Date.now() + hour }],
  ['a cron pattern until an end date', { pattern: '0 0 1 1 *', endDate: Date.now() + 800 * 24 * hour }],
  ['a cron pattern, immediately', { pattern: '0 0 1 1 *', immediately: true }],
];

/** A scheduler as it is stored, and the first job it makes. */
export const storing = family('scheduler: upsert', {
  ...table(
    schedules,
    ([name]) => `stores ${name}`,
    async (lab, [, repeat]) => {
      const queue = lab.queue();
      const job = await queue.upsertJobScheduler('s', repeat, {
        name: 'n',
        data: { a: 1 },
        opts: { attempts: 2 },
      });
      return {
        id: job?.id,
        counts: await queue.getJobCounts('wait', 'delayed', 'prioritized'),
        scheduler: await scheduler(lab, queue, 's'),
        log: (await lab.eventLog(queue)).map(it => it.split(' ')[0]),
        immediately: job ? job.delay <= 1_000 : 'no job',
      };
    },
  ),
  ...table(
    [
      ['both pattern and every', { every: hour, pattern: '* * * * *' }],
      ['neither pattern nor every', {}],
      [
        'immediately with a start date',
        { pattern: '* * * * *', immediately: true, startDate: Date.now() + hour },
      ],
      ['an end date in the past', { every: hour, endDate: 1_000 }],
      ['a pattern that is none', { pattern: 'no pattern' }],
    ] as const,
    ([name]) => `refuses ${name}`,
    async (lab, [, repeat]) => {
      const queue = lab.queue();
      return {
        refusal: await lab.refusal(queue.upsertJobScheduler('s', repeat)),
        count: await queue.getJobSchedulersCount(),
      };
    },
  ),
  'gives the job the id repeat:<scheduler>:<time>, and its key': async lab => {
    const queue = lab.queue();
    const job = await queue.upsertJobScheduler('s', { every: hour });
    const next = (await queue.getJobScheduler('s'))?.next;
    return { matches: job?.id === `repeat:s:${next}`, stored: await lab.stored(queue, job?.id) };
  },
  'uses its own id as the job name without a template': async lab => {
    const queue = lab.queue();
    const job = await queue.upsertJobScheduler('nightly', { every: hour });
    return { name: job?.name, data: (await queue.getJob(job?.id ?? ''))?.data };
  },
  "gives the template's data and options to the job": async lab => {
    const queue = lab.queue();
    const template = {
      name: 'n',
      data: { z: 1, a: '\u0000' },
      opts: { attempts: 4, priority: 3, backoff: 5 },
    };
    const job = await queue.upsertJobScheduler('s', { every: hour }, template);
    return {
      stored: await lab.stored(queue, job?.id),
      counts: await queue.getJobCounts('prioritized', 'wait'),
    };
  },
  "merges the queue's default options": async lab => {
    const queue = lab.queue({ defaultJobOptions: { attempts: 7 } });
    const job = await queue.upsertJobScheduler('s', { every: hour });
    return {
      attempts: (await queue.getJob(job?.id ?? ''))?.opts.attempts,
      scheduler: await scheduler(lab, queue, 's'),
    };
  },
  'advances the job counter': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    return (await queue.add('a', {})).id;
  },
  'puts the job at the back of wait, lifo in front': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    await queue.upsertJobScheduler('back', { every: hour }, { name: 'back' });
    await queue.upsertJobScheduler('front', { every: hour }, { name: 'front', opts: { lifo: true } });
    return (await queue.getWaiting()).map(job => job.name);
  },
  'works on a paused queue': async lab => {
    const queue = lab.queue();
    await queue.pause();
    await queue.upsertJobScheduler('s', { every: hour });
    return {
      counts: await queue.getJobCounts('wait', 'delayed'),
      count: await queue.getJobSchedulersCount(),
    };
  },
  'two schedulers at once do not disturb each other': async lab => {
    const queue = lab.queue();
    await Promise.all(['a', 'b', 'c'].map(id => queue.upsertJobScheduler(id, { every: hour }, { name: id })));
    return {
      count: await queue.getJobSchedulersCount(),
      names: (await queue.getWaiting()).map(job => job.name).sort(),
    };
  },
  'ids with unusual letters work': async lab => {
    const queue = lab.queue();
    const ids = ['with space', 'ü', "o'hara", '100%', 'a_b'];
    for (const id of ids) await queue.upsertJobScheduler(id, { every: hour });
    const found = await Promise.all(ids.map(async id => (await queue.getJobScheduler(id))?.key));
    return { found, count: await queue.getJobSchedulersCount() };
  },
});

/** Upserting again. */
export const changing = family('scheduler: change', {
  'the same schedule keeps its slot, replacing the waiting job': async lab => {
    const queue = lab.queue();
    const first = await queue.upsertJobScheduler('s', { every: hour }, { name: 'old' });
    const second = await queue.upsertJobScheduler('s', { every: hour }, { name: 'new', data: { n: 2 } });
    const job = await queue.getJob(second?.id ?? '');
    return {
      same: first?.id === second?.id,
      name: job?.name,
      data: job?.data,
      counts: await queue.getJobCounts('wait', 'delayed'),
    };
  },
  'another interval makes another slot': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    await queue.upsertJobScheduler('s', { every: 2 * hour });
    return {
      scheduler: await scheduler(lab, queue, 's', false),
      counts: await queue.getJobCounts('wait', 'delayed'),
    };
  },
  'from interval to pattern': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    await queue.upsertJobScheduler('s', { pattern: '0 0 1 1 *' });
    return {
      scheduler: await scheduler(lab, queue, 's', false),
      counts: await queue.getJobCounts('wait', 'delayed'),
    };
  },
  'from pattern to interval': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { pattern: '0 0 1 1 *' });
    await queue.upsertJobScheduler('s', { every: hour });
    return {
      scheduler: await scheduler(lab, queue, 's', false),
      counts: await queue.getJobCounts('wait', 'delayed'),
    };
  },
  'the same pattern keeps the same time': async lab => {
    const queue = lab.queue();
    const pattern = '0 0 1 1 *';
    const first = await queue.upsertJobScheduler('s', { pattern }, { name: 'old' });
    const second = await queue.upsertJobScheduler('s', { pattern }, { name: 'new' });
    return { same: first?.id === second?.id, names: (await queue.getDelayed()).map(job => job.name) };
  },
  'a collision with a job of the same time is refused (-10)': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const pattern = '0 0 1 1 *';
    const first = await queue.upsertJobScheduler('s', { pattern });
    await first?.promote();
    ok(await worker.getBackend().moveToActive('t'));
    return lab.refusal(queue.upsertJobScheduler('s', { pattern }));
  },
  'an active job of the slot is left, the next slot taken': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    await lab.worker().getBackend().moveToActive('t');
    const next = await queue.upsertJobScheduler('s', { every: hour });
    const found = await queue.getJobScheduler('s');
    return {
      agreed: next?.id === `repeat:s:${found?.next}`,
      counts: await queue.getJobCounts('wait', 'delayed', 'active'),
    };
  },
  'a limit and dates removed from the schedule are gone': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour, limit: 5, endDate: Date.now() + 48 * hour });
    await queue.upsertJobScheduler('s', { every: hour });
    return scheduler(lab, queue, 's', false);
  },
  'keeps the iteration count': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    await lab.take(lab.worker());
    await queue.upsertJobScheduler('s', { every: hour }, { data: { n: 2 } });
    return scheduler(lab, queue, 's', false);
  },
  'emits what happens to the old and the new job': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    return lab.eventsOf(queue, () => queue.upsertJobScheduler('s', { every: hour }));
  },
});
