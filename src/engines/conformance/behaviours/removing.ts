import { family, table } from '../engine.ts';
import { everyState, fourIn, oneIn } from './fixtures.ts';

/** Removing one job. */
export const removal = family('remove', {
  ...table(
    everyState,
    state => `a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      await queue.add('other', {}, { jobId: 'other' });
      const before = await lab.cursor(queue);
      const answer = await lab.refusal(queue.remove('known'));
      return { answer, events: await lab.eventLog(queue, before), where: await lab.where(queue) };
    },
  ),
  'an active job whose lock expired': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    await lab.take(lab.worker(null, { lockDuration: 15 }));
    await lab.pass(40);
    const before = await lab.cursor(queue);
    const answer = await queue.remove('known');
    return { answer, events: await lab.eventLog(queue, before), where: await lab.where(queue) };
  },
  'job.remove of a locked job says so': async lab => {
    const { queue } = await oneIn(lab, 'active');
    const job = await queue.getJob('known');
    return lab.refusal(async () => job?.remove());
  },
  'takes logs and lock along': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    await queue.addJobLog('known', 'row');
    const before = await queue.getJobLogs('known');
    await queue.remove('known');
    return { before, after: await queue.getJobLogs('known') };
  },
  'leaves the other jobs in their order': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.remove('j2');
    await queue.remove('j4');
    return { where: await lab.where(queue), order: await lab.runAll(lab.worker()) };
  },
  'frees the de-duplication key': async lab => {
    const queue = lab.queue();
    const job = await queue.add('a', {}, { deduplication: { id: 'd' } });
    const before = await queue.getDeduplicationJobId('d');
    await job.remove();
    return { before, after: String(await queue.getDeduplicationJobId('d')) };
  },
  'a job removed twice answers 1 both times': async lab => {
    const { queue } = await oneIn(lab, 'wait');
    return [await queue.remove('known'), await queue.remove('known')];
  },
  'works on a paused queue': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.pause();
    await queue.remove('j1');
    return lab.where(queue);
  },
});

const states = [
  'wait',
  'prioritized',
  'delayed',
  'active',
  'waiting-children',
  'completed',
  'failed',
] as const;

const cleanable = ['wait', 'prioritized', 'delayed', 'active', 'completed', 'failed'] as const;

/** Cleaning one state. */
export const cleaning = family('clean', {
  ...table(
    cleanable,
    state => `removes all that is ${state} with grace 0`,
    async (lab, state) => {
      const { queue } = await fourIn(lab, state);
      const before = await lab.cursor(queue);
      await lab.pass(3);
      const ids = await queue.clean(0, 0, state);
      return { ids: ids.sort(), events: await lab.eventLog(queue, before), where: await lab.where(queue) };
    },
  ),
  ...table(
    cleanable,
    state => `removes nothing that is ${state} within the grace`,
    async (lab, state) => {
      const { queue } = await fourIn(lab, state);
      const before = await lab.cursor(queue);
      const ids = await queue.clean(900_000, 0, state);
      return { ids, events: await lab.eventLog(queue, before), where: await lab.where(queue) };
    },
  ),
  ...table(
    cleanable,
    state => `removes up to a limit of what is ${state}`,
    async (lab, state) => {
      const { queue } = await fourIn(lab, state);
      await lab.pass(3);
      const ids = await queue.clean(0, 2, state);
      return { ids, where: await lab.where(queue) };
    },
  ),
  ...table(
    states,
    state => `tells jobs that are ${state} apart by their age`,
    async (lab, state) => {
      const { queue, worker } = await fourIn(lab, state);
      const now = Date.now() + 1;
      await lab.pass(4);
      await queue.add('young', {}, { jobId: 'young', ...(state === 'delayed' ? { delay: 600_000 } : {}) });
      if (state === 'completed') await (await lab.take(worker)).moveToCompleted(1, 't', false);
      if (state === 'failed') await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
      const ids = await queue.getBackend().cleanJobsByState(state, now, 0);
      return { ids: ids.sort(), where: await lab.where(queue) };
    },
  ),
  'removes active jobs only without a lock': async lab => {
    const { queue, worker } = await oneIn(lab, 'active');
    await queue.add('unlocked', {}, { jobId: 'unlocked' });
    await lab.take(worker, '0');
    await lab.pass(3);
    return { ids: await queue.clean(0, 0, 'active'), where: await lab.where(queue) };
  },
  'takes completed as the default': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await lab.complete(queue, worker, 'c');
    await lab.fail(queue, worker, 'f');
    await lab.pass(3);
    return { ids: await queue.clean(0, 0), where: await lab.where(queue) };
  },
  'takes waiting as wait': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await lab.pass(3);
    return { ids: (await queue.clean(0, 0, 'wait')).sort(), where: await lab.where(queue) };
  },
  'cleans the wait list of a paused queue': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.pause();
    await lab.pass(3);
    return { ids: (await queue.clean(0, 0, 'wait')).sort(), where: await lab.where(queue) };
  },
  'spares the next job of a scheduler': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: 600_000 });
    await queue.upsertJobScheduler('later', { every: 600_000, startDate: Date.now() + 300_000 });
    await lab.pass(3);
    const ids = [...(await queue.clean(0, 0, 'delayed')), ...(await queue.clean(0, 0, 'wait'))];
    return { ids, counts: await queue.getJobCounts('wait', 'delayed') };
  },
  'frees the de-duplication keys': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { deduplication: { id: 'd' } });
    const before = await queue.getDeduplicationJobId('d');
    await lab.pass(3);
    await queue.clean(0, 0, 'wait');
    return { before, after: String(await queue.getDeduplicationJobId('d')) };
  },
  'takes more than one limit-sized call': async lab => {
    const queue = lab.queue();
    await queue.addBulk(Array.from({ length: 7 }, (_, n) => ({ name: `n${n}`, data: {} })));
    await lab.pass(3);
    const backend = queue.getBackend();
    const now = Date.now();
    const lengths: number[] = [];
    for (let n = 0; n < 4; n++) lengths.push((await backend.cleanJobsByState('wait', now, 3)).length);
    return lengths;
  },
});

/** Draining: what waits goes, what runs or has run stays. */
export const draining = family('drain', {
  ...table(
    states,
    state => `without delayed: what is ${state}`,
    async (lab, state) => {
      const { queue } = await fourIn(lab, state);
      const before = await lab.cursor(queue);
      await queue.drain();
      return { events: await lab.eventLog(queue, before), where: await lab.where(queue), of: state };
    },
  ),
  'with delayed: those too': async lab => {
    const { queue } = await fourIn(lab, 'delayed');
    await queue.add('w', {});
    await queue.drain(true);
    return { where: await lab.where(queue), gone: await lab.stored(queue, 'j1') };
  },
  'empties a paused queue, which stays paused': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.pause();
    await queue.drain();
    return { where: await lab.where(queue), paused: await queue.isPaused() };
  },
  'spares the next jobs of schedulers': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('now', { every: 600_000 });
    await queue.upsertJobScheduler('later', { every: 600_000, startDate: Date.now() + 300_000 });
    await queue.add('plain', {});
    await queue.add('delayed', {}, { delay: 600_000 });
    await queue.drain(true);
    const counts = await queue.getJobCounts('wait', 'delayed');
    return { counts, schedulers: await queue.getJobSchedulersCount() };
  },
  'releases a parent whose pending child was drained': async lab => {
    const parents = lab.queue({}, 'parents');
    const children = lab.queue({}, 'children');
    await lab.flow().add({
      name: 'p',
      queueName: parents.name,
      opts: { jobId: 'p' },
      children: [{ name: 'c', queueName: children.name, opts: { jobId: 'c' } }],
    });
    const before = await lab.where(parents);
    await children.drain();
    return { before, parents: await lab.where(parents), children: await lab.where(children) };
  },
  'removes a parent with its drained child in the same queue': async lab => {
    const queue = lab.queue();
    await lab.flow().add({
      name: 'p',
      queueName: queue.name,
      opts: { jobId: 'p' },
      children: [{ name: 'c', queueName: queue.name, opts: { jobId: 'c' } }],
    });
    const before = await lab.where(queue);
    await queue.drain();
    return { before, after: await lab.where(queue), parent: await lab.stored(queue, 'p') };
  },
});

/** Destroying a queue. */
export const obliteration = family('obliterate', {
  'refuses a queue that is not paused': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    const refusal = await lab.refusal(queue.getBackend().obliterate({ force: false, count: 100 }));
    return { refusal, where: await lab.where(queue) };
  },
  'refuses active jobs without force': async lab => {
    const { queue } = await fourIn(lab, 'active');
    const refusal = await lab.refusal(queue.obliterate());
    return { refusal, where: await lab.where(queue), paused: await queue.isPaused() };
  },
  'removes active jobs with force': async lab => {
    const { queue } = await fourIn(lab, 'active');
    await queue.obliterate({ force: true });
    return {
      where: await lab.where(queue),
      job: await lab.stored(queue, 'j1'),
      paused: await queue.isPaused(),
    };
  },
  ...table(
    ['wait', 'prioritized', 'delayed', 'completed', 'failed', 'waiting-children'] as const,
    state => `removes what is ${state}`,
    async (lab, state) => {
      const { queue } = await fourIn(lab, state);
      await queue.obliterate();
      return {
        counts: await queue.getJobCounts(),
        where: await lab.where(queue),
        log: await lab.eventLog(queue),
        meta: await queue.getBackend().getQueueMeta(),
      };
    },
  ),
  'goes in slices of count': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.add('d', {}, { delay: 600_000 });
    await queue.pause();
    const cursors: number[] = [];
    for (let n = 0; n < 4; n++) {
      if (await queue.isPaused())
        cursors.push(await queue.getBackend().obliterate({ force: false, count: 3 }));
    }
    return { cursors, where: await lab.where(queue) };
  },
  'removes schedulers': async lab => {
    const queue = lab.queue();
    await queue.upsertJobScheduler('s', { every: 600_000 });
    const before = await queue.getJobSchedulersCount();
    await queue.obliterate();
    return [before, await queue.getJobSchedulersCount(), await queue.getJobCounts('wait', 'delayed')];
  },
  'leaves the queue fit for use': async lab => {
    const { queue } = await fourIn(lab, 'completed');
    await queue.obliterate();
    await queue.add('again', {});
    return { order: await lab.runAll(lab.worker()), log: await lab.eventLog(queue) };
  },
  'removes nothing of another queue': async lab => {
    const one = await fourIn(lab, 'wait', 'one');
    const two = await fourIn(lab, 'wait', 'two');
    await one.queue.obliterate();
    return [await lab.where(one.queue), await lab.where(two.queue)];
  },
  'is content with an empty queue': async lab => {
    const queue = lab.queue();
    await queue.pause();
    return {
      cursor: await queue.getBackend().obliterate({ force: false, count: 10 }),
      paused: await queue.isPaused(),
    };
  },
});

/** Orphans: jobs stored but in no state; a clean queue has none. */
export const orphans = family('orphans', {
  ...table(
    states,
    state => `removes none from a queue whose jobs are ${state}`,
    async (lab, state) => {
      const { queue } = await fourIn(lab, state);
      await queue.addJobLog('j1', 'row');
      return { removed: await queue.removeOrphanedJobs(), where: await lab.where(queue) };
    },
  ),
});
