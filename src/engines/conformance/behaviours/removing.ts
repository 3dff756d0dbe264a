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
