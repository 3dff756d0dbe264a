import { family, table } from '../engine.ts';
import { scheduler } from './fixtures.ts';

const hour = 3_600_000;

/** Listing and removing. */
export const listing = family('scheduler: list and remove', {
  ...table(
    [true, false].flatMap(asc =>
      (
        [
          [0, -1],
          [0, 0],
          [1, 2],
          [2, 9],
          [5, 9],
          [-2, -1],
        ] as const
      ).map(window => ({ asc, window })),
    ),
    ({ asc, window }) => `lists ${asc ? 'soonest' : 'latest'} first from ${window[0]} to ${window[1]}`,
    async (lab, { asc, window }) => {
      const queue = lab.queue();
      const at = (n: number) => ({ every: hour, startDate: Date.now() + n * hour });
      for (const [id, n] of [
        ['c', 3],
        ['a', 1],
        ['d', 4],
        ['b', 2],
      ] as const)
        await queue.upsertJobScheduler(id, at(n));
      const found = await queue.getJobSchedulers(window[0], window[1], asc);
      const raw = await queue.getBackend().getJobSchedulersRange(window[0], window[1], asc);
      return { ids: found.map(it => it.key), raw: raw.length, count: await queue.getJobSchedulersCount() };
    },
  ),
  'removes the scheduler and its delayed job': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { pattern: '0 0 1 1 *' });
    const before = await lab.cursor(queue);
    const answers = [await queue.removeJobScheduler('s'), await queue.removeJobScheduler('s')];
    return {
      answers,
      events: await lab.eventLog(queue, before),
      counts: await queue.getJobCounts('delayed'),
      left: await scheduler(lab, queue, 's'),
    };
  },
  'removing leaves a job that already waits': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    await queue.removeJobScheduler('s');
    return { counts: await queue.getJobCounts('wait'), left: await queue.getJobSchedulersCount() };
  },
  'the job of a living scheduler cannot be removed (-8)': async lab => {
    const queue = lab.queue();
    const job = await queue.upsertJobScheduler('s', { pattern: '0 0 1 1 *' });
    return {
      refusal: await lab.refusal(queue.remove(job?.id ?? '')),
      counts: await queue.getJobCounts('delayed'),
    };
  },
  'the job of a removed scheduler can be removed': async lab => {
    const queue = lab.queue();
    const job = await queue.upsertJobScheduler('s', { every: hour });
    await queue.removeJobScheduler('s');
    return { answer: await queue.remove(job?.id ?? ''), counts: await queue.getJobCounts('wait') };
  },
  'tells whether an id is a scheduler': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: hour });
    const backend = queue.getBackend();
    return [await backend.isJobScheduler('s'), await backend.isJobScheduler('x')];
  },
  'answers the raw fields': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler(
      's',
      { pattern: '0 0 1 1 *', tz: 'UTC', limit: 3 },
      { data: { a: 1 }, opts: { attempts: 2 } },
    );
    const backend = queue.getBackend();
    const [raw, next] = await backend.getJobScheduler('s');
    return {
      fields: await backend.getJobSchedulerData('s'),
      length: Array.isArray(raw) ? raw.length : typeof raw,
      next: typeof next,
    };
  },
  'a missing scheduler answers nothing': async lab => {
    const queue = lab.queue();
    const backend = queue.getBackend();
    return {
      found: String(await queue.getJobScheduler('x')),
      raw: await backend.getJobScheduler('x'),
      fields: await backend.getJobSchedulerData('x'),
      removed: await backend.removeJobScheduler('x'),
    };
  },
});
