import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

/** Delayed jobs: when they are due, how they are moved, what is said about it. */
export const delays = family('delay', {
  'tells when the next delayed job is due instead of handing it out': async lab => {
    const queue = lab.queue();
    const due = lab.startedAt + 500_000;
    await queue.add('late', {}, { delay: 900_000, timestamp: lab.startedAt });
    await queue.add('soon', {}, { delay: 500_000, timestamp: lab.startedAt });
    const tuple = await lab.worker().getBackend().moveToActive('t');
    return { head: tuple.slice(0, 3), dueMatches: tuple[3] === due, length: tuple.length };
  },
  'answers zeros when there is nothing at all': async lab => {
    return { tuple: await lab.worker().getBackend().moveToActive('t') };
  },
  'hands out a delayed job once it is due': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await queue.add('a', {}, { delay: 250 });
    const early = await worker.getNextJob('t', { block: false });
    const job = await lab.until(() => worker.getNextJob('t', { block: false }), 'the delayed job');
    return { early: early === undefined, name: job.name, soonEnough: Date.now() >= job.timestamp + 250 };
  },
  'sets the delay of a promoted job to 0': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { delay: 10, timestamp: 1_000 });
    await lab.take(lab.worker());
    return lab.stored(queue, '1');
  },
  'emits delayed with the due time, and waiting with prev when it comes due': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { delay: 10, timestamp: 1_000 });
    await lab.take(lab.worker());
    return lab.eventLog(queue);
  },
  'promotes all that is due, but hands out one': async lab => {
    const queue = lab.queue();
    for (const name of ['a', 'b', 'c']) await queue.add(name, {}, { delay: 10, timestamp: 1_000 });
    await queue.add('later', {}, { delay: 600_000 });
    await lab.take(lab.worker());
    return lab.where(queue);
  },
  'promotes due jobs while paused, without handing them out': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { delay: 10, timestamp: 1_000 });
    await queue.pause();
    const tuple = await lab.worker().getBackend().moveToActive('t');
    return { tuple, where: await lab.where(queue) };
  },
  'measures from the explicit timestamp': async lab => {
    const queue = lab.queue();
    await queue.add('past', {}, { delay: 1_000, timestamp: 5_000 });
    await queue.add('future', {}, { delay: 1_000, timestamp: lab.startedAt + 600_000 });
    return lab.runAll(lab.worker());
  },
});

/** promote and promoteJobs. */
export const promotions = family('delay: promote', {
  'moves the job behind those waiting': async lab => {
    const queue = lab.queue();
    const job = await queue.add('d', {}, { delay: 60_000 });
    await queue.add('a', {});
    const events = await lab.eventsOf(queue, () => job.promote());
    return {
      events,
      where: await lab.where(queue),
      stored: await lab.stored(queue, job.id),
      delay: job.delay,
    };
  },
  'moves a job with priority among the prioritized': async lab => {
    const queue = lab.queue();
    await queue.add('p', {}, { priority: 5 });
    const job = await queue.add('d', {}, { delay: 60_000, priority: 5 });
    const first = await queue.add('e', {}, { delay: 60_000, priority: 4 });
    await job.promote();
    await first.promote();
    return { where: await lab.where(queue), order: await lab.runAll(lab.worker()) };
  },
  'keeps to lifo no more': async lab => {
    const queue = lab.queue();
    const job = await queue.add('d', {}, { delay: 60_000, lifo: true });
    await queue.add('a', {});
    await job.promote();
    return lab.runAll(lab.worker());
  },
  'works on a paused queue': async lab => {
    const queue = lab.queue();
    const job = await queue.add('d', {}, { delay: 60_000 });
    await queue.pause();
    await job.promote();
    return { where: await lab.where(queue), state: await job.getState() };
  },
  'promotes all, in order of due time': async lab => {
    const queue = lab.queue();
    await queue.add('second', {}, { delay: 60_000 });
    await queue.add('first', {}, { delay: 50_000 });
    await queue.add('waiting', {});
    const events = await lab.eventsOf(queue, () => queue.promoteJobs());
    return { events, where: await lab.where(queue), order: await lab.runAll(lab.worker()) };
  },
  'promotes all in slices of count': async lab => {
    const queue = lab.queue();
    for (let n = 0; n < 5; n++) await queue.add(`n${n}`, {}, { delay: 60_000 + n * 1_000 });
    await queue.promoteJobs({ count: 2 });
    return lab.where(queue);
  },
  'answers 1 while there may be more, 0 at the end': async lab => {
    const queue = lab.queue();
    for (let n = 0; n < 3; n++) await queue.add(`n${n}`, {}, { delay: 60_000 });
    const backend = queue.getBackend();
    return [await backend.promoteJobs(2), await backend.promoteJobs(2), await backend.promoteJobs(2)];
  },
  'puts prioritized jobs promoted together into wait': async lab => {
    const queue = lab.queue();
    await queue.add('d', {}, { delay: 60_000, priority: 5 });
    await queue.promoteJobs();
    return { where: await lab.where(queue), stored: await lab.stored(queue, '1') };
  },
  'promotes nothing without complaint': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    await queue.promoteJobs();
    return { log: await lab.eventLog(queue), where: await lab.where(queue) };
  },
  ...table(
    ['wait', 'prioritized', 'active', 'completed', 'failed', 'missing'] as const,
    state => `refuses a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      return {
        refusal: await lab.refusal(queue.getBackend().promote('known')),
        where: await lab.where(queue),
      };
    },
  ),
});

/** changeDelay. */
export const changes = family('delay: changeDelay', {
  'counts from now, not from the timestamp of the job': async lab => {
    const queue = lab.queue();
    const job = await queue.add('d', {}, { delay: 600_000, timestamp: 1_000, jobId: 'd' });
    await job.changeDelay(700_000);
    const tuple = await lab.worker().getBackend().moveToActive('t');
    const due = Number(tuple[3]);
    return { near: Math.abs(due - (Date.now() + 700_000)) < 5_000, stored: await lab.stored(queue, 'd') };
  },
  'emits delayed': async lab => {
    const queue = lab.queue();
    const job = await queue.add('d', {}, { delay: 600_000 });
    return lab.eventsOf(queue, () => job.changeDelay(900_000));
  },
  'changes the order of delayed jobs': async lab => {
    const queue = lab.queue();
    const a = await queue.add('a', {}, { delay: 600_000 });
    await queue.add('b', {}, { delay: 700_000 });
    await a.changeDelay(800_000);
    return lab.where(queue);
  },
  'makes a job due with 0': async lab => {
    const queue = lab.queue();
    const job = await queue.add('a', {}, { delay: 600_000 });
    await job.changeDelay(0);
    const before = await lab.where(queue);
    return { before, delay: job.delay, order: await lab.runAll(lab.worker()) };
  },
  ...table(
    ['wait', 'prioritized', 'active', 'completed', 'failed', 'missing'] as const,
    state => `refuses a job that is ${state}`,
    async (lab, state) => {
      const { queue } = await oneIn(lab, state);
      return {
        refusal: await lab.refusal(queue.getBackend().changeDelay('known', 5_000)),
        where: await lab.where(queue),
      };
    },
  ),
});
