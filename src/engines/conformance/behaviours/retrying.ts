import { UnrecoverableError } from 'bullmq';
import { family, table } from '../engine.ts';
import { oneIn } from './fixtures.ts';

const backoffs: readonly (readonly [string, object, readonly number[]])[] = [
  ['a number', { backoff: 1_000 }, [1_000, 1_000, 1_000]],
  ['fixed', { backoff: { type: 'fixed', delay: 2_000 } }, [2_000, 2_000, 2_000]],
  ['exponential', { backoff: { type: 'exponential', delay: 1_000 } }, [1_000, 2_000, 4_000]],
  ['zero', { backoff: { type: 'fixed', delay: 0 } }, [0, 0, 0]],
  ['custom', { backoff: { type: 'squares' } }, [100, 400, 900]],
];

/** Failing with attempts left. */
export const automatic = family('retry: automatic', {
  'goes behind those waiting at once without backoff': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 3 });
    await queue.add('other', {}, { jobId: 'other' });
    const job = await lab.take(worker);
    const events = await lab.eventsOf(queue, () => job.moveToFailed(new Error('x'), 't', false));
    return { events, where: await lab.where(queue), stored: await lab.stored(queue, 'known') };
  },
  'goes to the front with lifo': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 3, lifo: true });
    await queue.add('other', {}, { jobId: 'other' });
    const job = await lab.take(worker);
    await job.moveToFailed(new Error('x'), 't', false);
    return { where: await lab.where(queue), name: job.name };
  },
  'goes behind its equals with a priority': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    for (const jobId of ['a', 'b']) await queue.add(jobId, {}, { jobId, priority: 4, attempts: 2 });
    await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
    return lab.where(queue);
  },
  'fails for good after the last attempt': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 2 });
    await (await lab.take(worker)).moveToFailed(new Error('one'), 't', false);
    await (await lab.take(worker)).moveToFailed(new Error('two'), 't', false);
    return { log: await lab.eventLog(queue), stored: await lab.stored(queue, 'known') };
  },
  'does not retry an unrecoverable error': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 9 });
    await (await lab.take(worker)).moveToFailed(new UnrecoverableError('no'), 't', false);
    return { where: await lab.where(queue), stored: await lab.stored(queue, 'known') };
  },
  'stays in wait when retried on a paused queue': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 2 });
    const job = await lab.take(worker);
    await queue.pause();
    await job.moveToFailed(new Error('x'), 't', false);
    return { where: await lab.where(queue), tuple: await worker.getBackend().moveToActive('t') };
  },
  'promotes due delayed jobs while retrying': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 2 });
    const job = await lab.take(worker);
    await queue.add('due', {}, { delay: 1, timestamp: 1_000, jobId: 'due' });
    await job.moveToFailed(new Error('x'), 't', false);
    return lab.where(queue);
  },
  ...table(
    backoffs,
    ([name]) => `waits as long as a backoff that is ${name}`,
    async (lab, [, opts, expected]) => {
      const queue = lab.queue();
      const settings = { backoffStrategy: (attempt: number) => attempt * attempt * 100 };
      const worker = lab.worker(null, { settings });
      await queue.add('a', {}, { ...opts, attempts: 4, jobId: 'known' });
      const seen: unknown[] = [];
      for (const wait of expected) {
        const job = await lab.take(worker);
        await job.moveToFailed(new Error('x'), 't', false);
        const raw = await queue.getBackend().getJobData('known');
        seen.push([wait, raw?.delay, await job.getState(), raw?.attemptsMade]);
        if (wait > 0) await (await queue.getJob('known'))?.promote();
      }
      return seen;
    },
  ),
  'fails for good when the strategy answers -1': async lab => {
    const queue = lab.queue();
    const worker = lab.worker(null, { settings: { backoffStrategy: () => -1 } });
    await queue.add('a', {}, { attempts: 4, backoff: { type: 'custom' }, jobId: 'known' });
    await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
    return { where: await lab.where(queue), log: await lab.eventLog(queue) };
  },
  'goes to delayed with the fields of the failure': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait', { attempts: 2, backoff: 60_000 });
    const job = await lab.take(worker);
    const events = await lab.eventsOf(queue, () => job.moveToFailed(new Error('x'), 't', false));
    return { events, stored: await lab.stored(queue, 'known'), where: await lab.where(queue) };
  },
});

/** A job's way back from active, asked for by its processor. */
export const byHand = family('retry: by hand', {
  'moveToDelayed keeps the number of attempts': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    const events = await lab.eventsOf(queue, () => job.moveToDelayed(Date.now() + 600_000, 't'));
    const raw = await queue.getBackend().getJobData('known');
    return { events, attempts: [raw?.attemptsMade, raw?.attemptsStarted], where: await lab.where(queue) };
  },
  'moveToDelayed into the past is due at once': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    const job = await lab.take(worker);
    await job.moveToDelayed(1_000, 't');
    const before = await lab.where(queue);
    return { before, delay: job.delay, order: await lab.runAll(worker) };
  },
  'moveToDelayed through the backend counts an attempt unless told otherwise': async lab => {
    const queue = lab.queue();
    const backend = lab.worker().getBackend();
    for (const jobId of ['counted', 'skipped']) await queue.add('a', {}, { jobId });
    await backend.moveToActive('t');
    await backend.moveToActive('t');
    const first = await backend.moveToDelayed('counted', 1_000, 2e12, 't');
    const second = await backend.moveToDelayed('skipped', 1_000, 2e12, 't', { skipAttempt: true });
    return [first, second, await lab.stored(queue, 'counted'), await lab.stored(queue, 'skipped')];
  },
  'moveToWait puts the job at the front': async lab => {
    const { queue, worker } = await oneIn(lab, 'wait');
    await queue.add('other', {}, { jobId: 'other' });
    const job = await lab.take(worker);
    const before = await lab.cursor(queue);
    const answer = await job.moveToWait('t');
    return { answer, events: await lab.eventLog(queue, before), where: await lab.where(queue) };
  },
  'moveToWait puts a prioritized job before its equals': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    for (const jobId of ['z', 'a']) await queue.add(jobId, {}, { jobId, priority: 4 });
    await queue.add('b', {}, { jobId: 'b', priority: 3 });
    await lab.take(worker);
    const z = await lab.take(worker);
    await z.moveToWait('t');
    return lab.where(queue);
  },
  'moveToWait answers the rest of a rate limit': async lab => {
    const { queue, worker } = await oneIn(lab, 'active');
    await queue.rateLimit(60_000);
    const ttl = await worker.getBackend().moveJobFromActiveToWait('known', 't');
    return { within: ttl > 50_000 && ttl <= 60_000, where: await lab.where(queue) };
  },
  'moveToWait keeps the attempts': async lab => {
    const { queue, worker } = await oneIn(lab, 'active');
    await worker.getBackend().moveJobFromActiveToWait('known', 't');
    return lab.stored(queue, 'known');
  },
  'retryJob counts an attempt and updates the fields': async lab => {
    const { queue, worker } = await oneIn(lab, 'active');
    const fieldsToUpdate = { failedReason: 'because', stacktrace: '["a"]' };
    await worker.getBackend().retryJob('known', false, 't', { fieldsToUpdate });
    return { stored: await lab.stored(queue, 'known'), where: await lab.where(queue) };
  },
  'retryJob with lifo goes to the front': async lab => {
    const { queue, worker } = await oneIn(lab, 'active');
    await queue.add('other', {}, { jobId: 'other' });
    await worker.getBackend().retryJob('known', true, 't');
    return lab.where(queue);
  },
});
