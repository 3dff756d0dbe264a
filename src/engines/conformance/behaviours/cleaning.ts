import { family, table } from '../engine.ts';
import { states } from '../lab.ts';
import { fourIn, oneIn } from './fixtures.ts';

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
