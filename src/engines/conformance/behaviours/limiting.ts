import { RateLimitError, UnrecoverableError } from 'bullmq';
import { family } from '../engine.ts';
import { fourIn } from './fixtures.ts';

const limiter = { max: 2, duration: 60_000 };

/** Rate limits: a worker's, the queue's, and one set by hand. */
export const rates = family('rate limit', {
  'a worker gets no more than max, then the time to wait': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    const worker = lab.worker(null, { limiter });
    await lab.take(worker);
    await lab.take(worker);
    const tuple = await worker.getBackend().moveToActive('t');
    const ttl = Number(tuple[2]);
    return {
      head: [tuple[0], tuple[1], tuple[3]],
      within: ttl > 50_000 && ttl <= 60_000,
      where: await lab.where(queue),
    };
  },
  "a worker without limiter is not held by another one's": async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    const limited = lab.worker(null, { limiter: { max: 1, duration: 60_000 } });
    await lab.take(limited);
    await lab.take(worker);
    return lab.where(queue);
  },
  'counts jobs fetched while finishing': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    const worker = lab.worker(null, { limiter });
    const job = await lab.take(worker);
    await job.moveToCompleted('ok', 't', true);
    const second = await queue.getJob('j2');
    await worker.getBackend().extendLock('j2', 't', 9_000);
    const done = second ? await worker.getBackend().moveToCompleted(second, 1, false, 't', true) : undefined;
    const tuple = Array.isArray(done?.result) ? done.result : [];
    return { head: tuple.slice(0, 2), limited: Number(tuple[2]) > 50_000, where: await lab.where(queue) };
  },
  'opens again after the duration': async lab => {
    await fourIn(lab, 'wait');
    const worker = lab.worker(null, { limiter: { max: 1, duration: 40 } });
    await lab.take(worker);
    const backend = worker.getBackend();
    const job = await lab.until(async () => (await backend.moveToActive('t'))[1], 'the limit to pass');
    return { job };
  },
  'starts no window when there was no job': async lab => {
    const queue = lab.queue();
    await lab.worker(null, { limiter }).getBackend().moveToActive('t');
    return { ttl: await queue.getRateLimitTtl(), max: await queue.getRateLimitTtl(1) };
  },
  "the queue's own max beats the worker's": async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.setGlobalRateLimit(1, 60_000);
    const worker = lab.worker(null, { limiter: { max: 3, duration: 60_000 } });
    await lab.take(worker);
    const tuple = await worker.getBackend().moveToActive('t');
    return { limited: Number(tuple[2]) > 50_000, where: await lab.where(queue) };
  },
  "the worker's duration beats the queue's": async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.setGlobalRateLimit(1, 600_000);
    const worker = lab.worker(null, { limiter: { max: 3, duration: 60_000 } });
    await lab.take(worker);
    const ttl = await queue.getRateLimitTtl();
    return { within: ttl > 50_000 && ttl <= 60_000 };
  },
  "the queue's limit holds workers without limiter": async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.setGlobalRateLimit(2, 60_000);
    await lab.take(worker);
    await lab.take(worker);
    const tuple = await worker.getBackend().moveToActive('t');
    return { limited: Number(tuple[2]) > 50_000, where: await lab.where(queue) };
  },
  "the queue's limit is told and removed": async lab => {
    const queue = lab.queue();
    await queue.waitUntilReady();
    const seen: unknown[] = [await queue.getGlobalRateLimit()];
    seen.push(await queue.setGlobalRateLimit(7, 500), await queue.getGlobalRateLimit());
    return [...seen, await queue.removeGlobalRateLimit(), await queue.getGlobalRateLimit()];
  },
  'set by hand holds workers with a limiter': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.rateLimit(60_000);
    const tuple = await lab.worker(null, { limiter }).getBackend().moveToActive('t');
    return { limited: Number(tuple[2]) > 50_000, where: await lab.where(queue) };
  },
  'set by hand does not hold workers without one': async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.rateLimit(60_000);
    await lab.take(worker);
    return lab.where(queue);
  },
  'set by a worker is the same': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await lab.worker(null, { limiter }).rateLimit(60_000);
    const ttl = await queue.getRateLimitTtl();
    return { within: ttl > 50_000 && ttl <= 60_000 };
  },
  'set by hand can be removed': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    await queue.rateLimit(60_000);
    const removed = [await queue.removeRateLimitKey(), await queue.removeRateLimitKey()];
    const job = await lab.take(lab.worker(null, { limiter }));
    return { removed, job: job.id, ttl: await queue.getRateLimitTtl(5) };
  },
  'getRateLimitTtl answers -2 without a limit, 0 below max': async lab => {
    const { queue } = await fourIn(lab, 'wait');
    const none = [await queue.getRateLimitTtl(), await queue.getRateLimitTtl(1)];
    await lab.take(lab.worker(null, { limiter }));
    return {
      none,
      below: await queue.getRateLimitTtl(2),
      reached: (await queue.getRateLimitTtl(1)) > 50_000,
    };
  },
  "getRateLimitTtl follows the queue's own max": async lab => {
    const { queue, worker } = await fourIn(lab, 'wait');
    await queue.setGlobalRateLimit(2, 60_000);
    await lab.take(worker);
    const below = await queue.getRateLimitTtl();
    await lab.take(worker);
    return { below, reached: (await queue.getRateLimitTtl()) > 50_000 };
  },
  'still promotes due jobs while limited': async lab => {
    const queue = lab.queue();
    await queue.add('due', {}, { delay: 1, timestamp: 1_000, jobId: 'due' });
    await queue.rateLimit(60_000);
    await lab.worker(null, { limiter }).getBackend().moveToActive('t');
    return lab.where(queue);
  },
  "a processor's RateLimitError puts its job back in front": async lab => {
    const queue = lab.queue();
    for (const jobId of ['a', 'b']) await queue.add(jobId, {}, { jobId });
    const order: string[] = [];
    const worker = lab.worker(
      async job => {
        order.push(job.name);
        if (order.length > 1) return 'done';
        await worker.rateLimit(30);
        throw new RateLimitError();
      },
      { limiter: { max: 5, duration: 1_000 } },
    );
    await lab.until(async () => (await queue.getCompletedCount()) === 2, 'both jobs');
    return { order, stored: await lab.stored(queue, 'a') };
  },
  "a processor's UnrecoverableError fails at once": async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { attempts: 5, jobId: 'a' });
    lab.worker(async () => {
      throw new UnrecoverableError('enough');
    });
    await lab.until(async () => (await queue.getFailedCount()) === 1, 'the failure');
    return lab.stored(queue, 'a');
  },
});
