import { family } from '../engine.ts';
import { fourIn, oneIn } from './fixtures.ts';

/** A paused queue keeps its jobs in wait, counts them there, and hands out none. */
export const pausing = family('pause', {
  'hands out nothing': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.pause();
    return { tuple: await worker.getBackend().moveToActive('t'), where: await lab.where(queue) };
  },
  'counts the jobs as waiting': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.pause();
    return { counts: await queue.getJobCounts(), state: await queue.getJobState('j1') };
  },
  'takes new jobs, in order': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.pause();
    await queue.add('new', {}, { jobId: 'new' });
    await queue.add('first', {}, { jobId: 'first', lifo: true });
    await queue.add('p', {}, { jobId: 'p', priority: 1 });
    const where = await lab.where(queue);
    await queue.resume();
    return { where, order: await lab.runAll(worker) };
  },
  'emits paused and resumed, each time it is told': async lab => {
    const queue = lab.queue();
    await queue.pause();
    await queue.pause();
    await queue.resume();
    await queue.resume();
    return lab.eventLog(queue);
  },
  'isPaused tells': async lab => {
    const queue = lab.queue();
    const answers = [await queue.isPaused()];
    await queue.pause();
    answers.push(await queue.isPaused());
    await queue.resume();
    return [...answers, await queue.isPaused()];
  },
  'is seen by other clients': async lab => {
    const [one, two] = [lab.queue(), lab.queue()];
    await one.pause();
    return { paused: await two.isPaused(), meta: await two.getBackend().getQueueMetaField('paused') };
  },
  'shows in the meta data': async lab => {
    const queue = lab.queue();
    await queue.waitUntilReady();
    await queue.pause();
    const { version, ...meta } = await queue.getMeta();
    return { meta, version: typeof version };
  },
  'lets active jobs finish': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await queue.pause();
    await job.moveToCompleted('ok', 't', false);
    return lab.where(queue);
  },
  'keeps the order over pause and resume': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.pause();
    await queue.resume();
    return { where: await lab.where(queue), order: await lab.runAll(worker) };
  },
  'of one queue leaves others alone': async lab => {
    const one = await fourIn(lab, 'wait', 'one');
    const two = await fourIn(lab, 'wait', 'two');
    await one.queue.pause();
    return [await lab.runAll(one.worker), await lab.runAll(two.worker)];
  },
  'resuming makes the jobs available again': async lab => {
    const { queue, worker } = await fourIn(lab, 'prioritized');
    await queue.pause();
    const none = await worker.getNextJob('t', { block: false });
    await queue.resume();
    return { none: String(none), order: await lab.runAll(worker) };
  },
});

/** Global concurrency: at most so many active jobs in the whole queue. */
export const concurrency = family('global concurrency', {
  'hands out no more than allowed': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.setGlobalConcurrency(2);
    await lab.take(worker);
    const maxed = [await queue.isMaxed()];
    await lab.take(lab.worker());
    maxed.push(await queue.isMaxed());
    return { maxed, tuple: await worker.getBackend().moveToActive('t'), where: await lab.where(queue) };
  },
  'frees a place when a job finishes': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.setGlobalConcurrency(1);
    const job = await lab.take(worker);
    const next = await job.moveToCompleted('ok', 't', true);
    return { next: Array.isArray(next) ? next[1] : 'none', where: await lab.where(queue) };
  },
  'is told, changed and removed': async lab => {
    const queue = lab.queue();
    await queue.waitUntilReady();
    const seen: unknown[] = [await queue.getGlobalConcurrency()];
    seen.push(await queue.setGlobalConcurrency(3), await queue.getGlobalConcurrency());
    seen.push(await queue.setGlobalConcurrency(4), await queue.getGlobalConcurrency());
    return [...seen, await queue.removeGlobalConcurrency(), await queue.getGlobalConcurrency()];
  },
  'removed lets all through': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.setGlobalConcurrency(1);
    await lab.take(worker);
    await queue.removeGlobalConcurrency();
    await lab.take(worker);
    return { where: await lab.where(queue), maxed: await queue.isMaxed() };
  },
  'still promotes due jobs when maxed': async lab => {
    const { queue, worker } = await oneIn(lab, 'active');
    await queue.setGlobalConcurrency(1);
    await queue.add('due', {}, { delay: 1, timestamp: 1_000, jobId: 'due' });
    return { tuple: await worker.getBackend().moveToActive('t'), where: await lab.where(queue) };
  },
  'a paused queue is not maxed': async lab => {
    const queue = lab.queue();
    const before = await queue.isMaxed();
    await queue.pause();
    return [before, await queue.isMaxed()];
  },
});
