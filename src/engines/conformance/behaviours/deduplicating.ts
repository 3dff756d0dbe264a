import type { JobsOptions } from 'bullmq';
import { family, table } from '../engine.ts';
import { picture } from './fixtures.ts';

type Mode = NonNullable<JobsOptions['deduplication']>;

const modes: readonly (readonly [string, Omit<Mode, 'id'>])[] = [
  ['simple', {}],
  ['ttl', { ttl: 60_000 }],
  ['ttl and extend', { ttl: 60_000, extend: true }],
  ['replace', { replace: true }],
  ['replace, ttl', { replace: true, ttl: 60_000 }],
  ['replace, ttl and extend', { replace: true, ttl: 60_000, extend: true }],
  ['reschedule', { reschedule: true }],
  ['keepLastIfActive', { keepLastIfActive: true }],
  ['keepLastIfActive and replace', { keepLastIfActive: true, replace: true }],
  ['ttl 0', { ttl: 0 }],
];

/** A first and a second add with the same de-duplication id, in each mode and each state of the first. */
export const inState = family('de-duplication: second add', {
  ...table(
    modes.flatMap(([name, mode]) =>
      (['wait', 'delayed', 'prioritized', 'active', 'completed', 'failed'] as const).map(state => ({
        name,
        mode,
        state,
      })),
    ),
    ({ name, state }) => `${name}: while the first is ${state}`,
    async (lab, { mode, state }) => {
      const queue = lab.queue();
      const worker = lab.worker();
      const extra = state === 'delayed' ? { delay: 600_000 } : state === 'prioritized' ? { priority: 3 } : {};
      const deduplication = { id: 'd', ...mode };
      await queue.add('first', { n: 1 }, { jobId: 'first', deduplication, ...extra });
      const job = ['active', 'completed', 'failed'].includes(state) ? await lab.take(worker) : undefined;
      if (state === 'completed') await job?.moveToCompleted(1, 't', false);
      if (state === 'failed') await job?.moveToFailed(new Error('x'), 't', false);
      const before = await lab.cursor(queue);
      const second = await queue.add('second', { n: 2 }, { jobId: 'second', deduplication, ...extra });
      return { id: second.id, events: await lab.eventLog(queue, before), ...(await picture(lab, queue)) };
    },
  ),
  ...table(
    modes,
    ([name]) => `${name}: the first finishes after a second add was turned away`,
    async (lab, [, mode]) => {
      const queue = lab.queue();
      const worker = lab.worker();
      const deduplication = { id: 'd', ...mode };
      await queue.add('first', { n: 1 }, { jobId: 'first', deduplication });
      const job = await lab.take(worker);
      await queue.add('second', { n: 2 }, { deduplication });
      await queue.add('third', { n: 3 }, { deduplication });
      const before = await lab.cursor(queue);
      await job.moveToCompleted(1, 't', false);
      const next = await worker.getNextJob('t', { block: false });
      return {
        events: await lab.eventLog(queue, before),
        next: next?.name ?? null,
        data: next?.data,
        ...(await picture(lab, queue)),
      };
    },
  ),
  ...table(
    modes,
    ([name]) => `${name}: the first is removed`,
    async (lab, [, mode]) => {
      const queue = lab.queue();
      const deduplication = { id: 'd', ...mode };
      await queue.add('first', {}, { jobId: 'first', deduplication });
      await queue.remove('first');
      const after = await picture(lab, queue);
      await queue.add('second', {}, { jobId: 'second', deduplication });
      return { after, later: await picture(lab, queue) };
    },
  ),
});
