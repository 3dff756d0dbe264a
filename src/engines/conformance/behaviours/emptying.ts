import { family, table } from '../engine.ts';
import { states } from '../lab.ts';
import { fourIn } from './fixtures.ts';

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
