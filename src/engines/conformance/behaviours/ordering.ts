import { family, table } from '../engine.ts';
import type { Lab } from '../lab.ts';

interface Order {
  name: string;
  /** Jobs by name with their options, added one after the other. */
  jobs: readonly (readonly [string, object])[];
}

const orders: readonly Order[] = [
  { name: 'first in, first out', jobs: ['a', 'b', 'c', 'd'].map(it => [it, {}] as const) },
  {
    name: 'last in, first out with lifo',
    jobs: [
      ['a', {}],
      ['b', { lifo: true }],
      ['c', {}],
      ['d', { lifo: true }],
    ],
  },
  {
    name: 'smaller priority numbers first',
    jobs: [
      ['p3', { priority: 3 }],
      ['p1', { priority: 1 }],
      ['p2', { priority: 2 }],
    ],
  },
  {
    name: 'insertion order within a priority',
    jobs: ['a', 'b', 'c', 'd', 'e'].map(it => [it, { priority: 9 }] as const),
  },
  {
    name: 'jobs without priority before prioritized ones',
    jobs: [
      ['p1', { priority: 1 }],
      ['a', {}],
      ['p0', { priority: 0 }],
    ],
  },
  {
    name: 'lifo ignored when there is a priority',
    jobs: [
      ['a', { priority: 2 }],
      ['b', { priority: 2, lifo: true }],
      ['c', { priority: 2 }],
    ],
  },
  {
    name: 'the largest priority last',
    jobs: [
      ['max', { priority: 2_097_151 }],
      ['one', { priority: 1 }],
      ['mid', { priority: 2_097_150 }],
    ],
  },
  {
    name: 'explicit timestamps without influence on waiting jobs',
    jobs: [
      ['late', { timestamp: 2_000 }],
      ['early', { timestamp: 1_000 }],
    ],
  },
  {
    name: 'custom ids without influence',
    jobs: [
      ['z', { jobId: 'z' }],
      ['a', { jobId: 'a' }],
      ['m', { jobId: 'm' }],
    ],
  },
  {
    name: 'more than nine jobs by arrival, not by text',
    jobs: Array.from({ length: 12 }, (_, n) => [`n${n}`, {}] as const),
  },
  {
    name: 'more than nine prioritized jobs by arrival',
    jobs: Array.from({ length: 12 }, (_, n) => [`n${n}`, { priority: 1 + (n % 2) }] as const),
  },
  {
    name: 'due delayed jobs by due time',
    jobs: [
      ['third', { delay: 30, timestamp: 1_000 }],
      ['first', { delay: 10, timestamp: 1_000 }],
      ['second', { delay: 20, timestamp: 1_000 }],
    ],
  },
  {
    name: 'due delayed jobs of one due time by insertion',
    jobs: ['x', 'c', 'a', 'b'].map(it => [it, { delay: 10, timestamp: 5_000, jobId: it }] as const),
  },
  {
    name: 'due delayed jobs behind those already waiting',
    jobs: [
      ['delayed', { delay: 1, timestamp: 1_000 }],
      ['waiting-1', {}],
      ['waiting-2', {}],
    ],
  },
  {
    name: 'due delayed jobs with priority among the prioritized',
    jobs: [
      ['delayed-p5', { delay: 1, timestamp: 1_000, priority: 5 }],
      ['p6', { priority: 6 }],
      ['p5', { priority: 5 }],
      ['p4', { priority: 4 }],
    ],
  },
  {
    name: 'a due delayed lifo job at the back all the same',
    jobs: [
      ['delayed', { delay: 1, timestamp: 1_000, lifo: true }],
      ['a', {}],
      ['b', {}],
    ],
  },
  {
    name: 'delay 0 as no delay',
    jobs: [
      ['zero', { delay: 0 }],
      ['a', {}],
    ],
  },
  {
    name: 'a negative delay as no delay',
    jobs: [
      ['negative', { delay: -1_000 }],
      ['a', {}],
    ],
  },
];

/** The order in which jobs are handed out. */
export const handedOut = family(
  'order: handed out',
  table(
    orders,
    row => row.name,
    async (lab, { jobs }) => {
      const queue = lab.queue();
      for (const [name, opts] of jobs) await queue.add(name, {}, opts);
      const where = await lab.where(queue);
      return { where, order: await lab.runAll(lab.worker()) };
    },
  ),
);

/** The same in one bulk. */
export const bulk = family(
  'order: bulk',
  table(
    orders.slice(0, 9),
    row => row.name,
    async (lab, { jobs }) => {
      const queue = lab.queue();
      await queue.addBulk(jobs.map(([name, opts]) => ({ name, data: {}, opts })));
      return { where: await lab.where(queue), order: await lab.runAll(lab.worker()) };
    },
  ),
);

async function prioritized(lab: Lab) {
  const queue = lab.queue();
  for (const name of ['a', 'b', 'c']) await queue.add(name, {}, { jobId: name, priority: 5 });
  for (const name of ['x', 'y']) await queue.add(name, {}, { jobId: name });
  return queue;
}

const changes: readonly (readonly [string, string, { priority?: number; lifo?: boolean }])[] = [
  ['moves a prioritized job ahead', 'c', { priority: 1 }],
  ['moves a prioritized job behind', 'a', { priority: 9 }],
  ['queues behind its equals when the priority stays', 'a', { priority: 5 }],
  ['goes before its equals with lifo', 'c', { priority: 5, lifo: true }],
  ['sends a prioritized job to the back of wait with 0', 'a', { priority: 0 }],
  ['sends a prioritized job to the front of wait with 0 and lifo', 'b', { priority: 0, lifo: true }],
  ['takes a missing priority as 0', 'b', {}],
  ['makes a waiting job prioritized', 'x', { priority: 3 }],
  ['makes a waiting job prioritized before its equals with lifo', 'y', { priority: 5, lifo: true }],
  ['sends a waiting job to the back with 0', 'x', { priority: 0 }],
  ['brings a waiting job to the front with 0 and lifo', 'y', { priority: 0, lifo: true }],
];

/** What changePriority does to the order and to the stored job. */
export const priority = family('order: changePriority', {
  ...table(
    changes,
    ([name]) => name,
    async (lab, [, id, change]) => {
      const queue = await prioritized(lab);
      const events = await lab.eventsOf(queue, async () => (await queue.getJob(id))?.changePriority(change));
      const where = await lab.where(queue);
      const stored = await lab.stored(queue, id);
      return { where, stored, events, order: await lab.runAll(lab.worker()) };
    },
  ),
  'keeps the place of the last of two lifo changes': async lab => {
    const queue = await prioritized(lab);
    await queue.getBackend().changePriority('b', 5, true);
    await queue.getBackend().changePriority('c', 5, true);
    return lab.where(queue);
  },
  'stores the priority of a delayed job for its promotion': async lab => {
    const queue = lab.queue();
    const job = await queue.add('d', {}, { jobId: 'd', delay: 60_000 });
    await job.changePriority({ priority: 4 });
    const before = await lab.where(queue);
    await job.promote();
    return { before, after: await lab.where(queue) };
  },
  'stores the priority of an active job without moving it': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    const job = await lab.take(lab.worker());
    await job.changePriority({ priority: 4 });
    return { where: await lab.where(queue), stored: await lab.stored(queue, 'a') };
  },
  'stores the priority of a completed job without moving it': async lab => {
    const queue = lab.queue();
    const job = await lab.complete(queue, lab.worker(), 'a');
    await queue.getBackend().changePriority(job.id ?? '', 4);
    return { where: await lab.where(queue), stored: await lab.stored(queue, job.id) };
  },
  'refuses a missing job': async lab => lab.refusal(lab.queue().getBackend().changePriority('nobody', 1)),
  'works on a paused queue': async lab => {
    const queue = await prioritized(lab);
    await queue.pause();
    await queue.getBackend().changePriority('x', 1);
    await queue.getBackend().changePriority('a', 0);
    const where = await lab.where(queue);
    await queue.resume();
    return { where, order: await lab.runAll(lab.worker()) };
  },
});
