import type { JobType } from 'bullmq';
import { family, table } from '../engine.ts';
import { states } from '../lab.ts';
import { everyState, fourIn, oneIn } from './fixtures.ts';

const named: readonly (readonly [string, JobType])[] = [
  ['getWaiting', 'wait'],
  ['getActive', 'active'],
  ['getDelayed', 'delayed'],
  ['getPrioritized', 'prioritized'],
  ['getWaitingChildren', 'waiting-children'],
  ['getCompleted', 'completed'],
  ['getFailed', 'failed'],
];

type Getter = (start?: number, end?: number) => Promise<{ id?: string }[]>;

/** The getter of each state, and what is counted. */
export const byState = family('getters: by state', {
  ...table(
    named,
    ([getter]) => `${getter} lists in its own order`,
    async (lab, [getter, state]) => {
      const { queue } = await fourIn(lab, state);
      const get = queue[getter as keyof typeof queue] as Getter;
      const all = await get.call(queue);
      const middle = await get.call(queue, 1, 2);
      return { all: all.map(it => it.id), middle: middle.map(it => it.id) };
    },
  ),
  ...table(
    everyState,
    state => `getState of a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      return queue.getJobState('known');
    },
  ),
  ...table(
    everyState,
    state => `isJobInState for every state of a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      const asked = [...states, 'waiting', 'paused'];
      const answers: Record<string, boolean> = {};
      for (const it of asked) answers[it] = await queue.getBackend().isJobInState(it, 'known');
      return answers;
    },
  ),
  ...table(
    everyState,
    state => `isFinished of a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      const backend = queue.getBackend();
      return { short: await backend.isFinished('known'), long: await backend.isFinished('known', true) };
    },
  ),
  ...table(
    everyState,
    state => `counts of a queue whose only job is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      return {
        all: await queue.getJobCounts(),
        count: await queue.count(),
        perState: [
          await queue.getWaitingCount(),
          await queue.getActiveCount(),
          await queue.getDelayedCount(),
          await queue.getPrioritizedCount(),
          await queue.getWaitingChildrenCount(),
          await queue.getCompletedCount(),
          await queue.getFailedCount(),
        ],
      };
    },
  ),
  ...table(
    everyState,
    state => `getJob of a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      return { stored: await lab.stored(queue, 'known'), found: (await queue.getJob('known'))?.id };
    },
  ),
  'isJobInState refuses a state nobody knows': async lab =>
    lab.refusal(lab.queue().getBackend().isJobInState('asleep', 'x')),
  'the is... methods of a job agree with its state': async lab => {
    const { queue } = await oneIn(lab, 'delayed');
    const job = await queue.getJob('known');
    return [
      await job?.isDelayed(),
      await job?.isWaiting(),
      await job?.isActive(),
      await job?.isCompleted(),
      await job?.isFailed(),
      await job?.isWaitingChildren(),
    ];
  },
});

/** Several states at once, odd requests, counts by priority and time. */
export const combined = family('getters: combined', {
  'lists several states one after the other': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await lab.take(worker);
    await lab.take(worker);
    const list = async (types: JobType[], asc: boolean) =>
      (await queue.getJobs(types, 0, -1, asc)).map(it => it.id);
    return {
      waitFirst: await list(['wait', 'active'], true),
      activeFirst: await list(['active', 'wait'], true),
      descending: await list(['active', 'wait'], false),
    };
  },
  'lists a state once though it was asked for twice': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    return (await queue.getJobs(['wait', 'waiting', 'wait'], 0, -1, true)).map(it => it.id);
  },
  'applies the window to each state apart': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await lab.take(worker);
    await lab.take(worker);
    return (await queue.getJobs(['wait', 'active'], 0, 0, true)).map(it => it.id);
  },
  'lists all states when none is named': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.add('d', {}, { delay: 600_000, jobId: 'd' });
    await lab.take(worker);
    return (await queue.getJobs()).map(it => it.id);
  },
  'answers an empty list per state for an empty queue': async lab => {
    const raw = await lab
      .queue()
      .getBackend()
      .getRanges([...states], 0, -1, true);
    return { lists: raw.length, filled: raw.filter(it => it.length > 0).length };
  },
  'counts zero for every state of an empty queue': async lab => lab.queue().getJobCounts(),
  'counts the states asked for, in their order': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    return Object.entries(await queue.getJobCounts('failed', 'wait', 'delayed'));
  },
  'counts by type over several states': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await lab.take(worker);
    return [await queue.getJobCountByTypes('wait', 'active'), await queue.getJobCountByTypes('wait')];
  },
  'counts per priority, waiting jobs as priority 0': async lab => {
    const queue = lab.queue();
    for (const priority of [0, 1, 1, 3, 2_097_151, 0]) await queue.add('a', {}, { priority });
    return queue.getCountsPerPriority([0, 1, 2, 3, 2_097_151]);
  },
  'counts per priority while paused': async lab => {
    const queue = lab.queue();
    for (const priority of [0, 1, 1]) await queue.add('a', {}, { priority });
    await queue.pause();
    return queue.getCountsPerPriority([0, 1]);
  },
  'counts per priority in the order asked, twice when asked twice': async lab => {
    const queue = lab.queue();
    for (const priority of [2, 2, 1]) await queue.add('a', {}, { priority });
    return queue.getBackend().getCountsPerPriority([2, 1, 2]);
  },
  'counts delayed jobs due strictly before a time': async lab => {
    const queue = lab.queue();
    const at = (delay: number) => queue.add('d', {}, { delay, timestamp: lab.startedAt });
    for (const delay of [100_000, 200_000, 200_000, 300_000]) await at(delay);
    const count = (ms: number) => queue.getDelayedCount(lab.startedAt + ms);
    return [
      await count(100_000),
      await count(100_001),
      await count(200_000),
      await count(200_001),
      await count(300_001),
      await queue.getDelayedCount(),
    ];
  },
  'refuses a delayed count at a fraction of a millisecond': async lab =>
    lab.refusal(lab.queue().getDelayedCount(1.5)),
  'getJob answers nothing for a missing job': async lab => {
    const queue = lab.queue();
    return {
      job: String(await queue.getJob('nobody')),
      raw: String(await queue.getBackend().getJobData('x')),
    };
  },
  'orders completed jobs of the same moment by id': async lab => {
    const queue = lab.queue();
    const backend = lab.worker().getBackend();
    for (const jobId of ['b', 'c', 'a']) await queue.add(jobId, {}, { jobId });
    for (let n = 0; n < 3; n++) await backend.moveToActive('t');
    for (const id of ['c', 'a', 'b']) {
      const job = await queue.getJob(id);
      if (job) await backend.moveToCompleted(job, 1, false, 't', false);
    }
    const jobs = await queue.getCompleted();
    const times = new Set(jobs.map(job => job.finishedOn));
    const ids = jobs.map(job => job.id ?? '');
    return times.size === 1
      ? { ordered: ids.join() === [...ids].sort().reverse().join() }
      : { ordered: true };
  },
  ...table(
    ['completed', 'failed'] as const,
    state => `orders ${state} jobs by the time they finished, not by id or arrival`,
    async (lab, state) => {
      const queue = lab.queue();
      const worker = lab.worker();
      for (const jobId of ['b', 'c', 'a']) await queue.add(jobId, {}, { jobId });
      const jobs = [await lab.take(worker), await lab.take(worker), await lab.take(worker)];
      for (const n of [1, 2, 0]) {
        if (state === 'completed') await jobs[n]?.moveToCompleted(1, 't', false);
        else await jobs[n]?.moveToFailed(new Error('x'), 't', false);
        await lab.pass(3);
      }
      return { up: await queue.getRanges([state], 0, -1, true), down: await queue.getRanges([state], 0, -1) };
    },
  ),
  'shows the fields of a job in every getter alike': async lab => {
    const { queue } = await oneIn(lab, 'completed', { attempts: 2 });
    const [listed] = await queue.getCompleted();
    const found = await queue.getJob('known');
    return { same: JSON.stringify(listed?.asJSON()) === JSON.stringify(found?.asJSON()), name: listed?.name };
  },
});
