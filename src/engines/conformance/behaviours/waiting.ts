import { family, table } from '../engine.ts';
import type { Lab } from '../lab.ts';

function backends(lab: Lab) {
  return { queue: lab.queue(), backend: lab.worker().getBackend() };
}

/** How long a call took and what it answered. */
async function timed<T>(work: Promise<T>): Promise<{ answer: T; ms: number }> {
  const began = performance.now();
  const answer = await work;
  return { answer, ms: performance.now() - began };
}

/** waitForJob: the blocking primitive under every worker. Its argument is in seconds. */
export const primitive = family('waitForJob', {
  ...table(
    [
      ['a waiting job', {}],
      ['a prioritized job', { priority: 3 }],
      ['a lifo job', { lifo: true }],
    ] as const,
    ([name]) => `answers score 0 at once for ${name}`,
    async (lab, [, opts]) => {
      const { queue, backend } = backends(lab);
      await queue.add('a', {}, opts);
      const { answer, ms } = await timed(backend.waitForJob(5));
      return { score: answer?.score, member: typeof answer?.member, quick: ms < 1_000 };
    },
  ),
  'answers the due time when only delayed jobs exist': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('later', {}, { delay: 900_000, timestamp: lab.startedAt });
    await queue.add('sooner', {}, { delay: 600_000, timestamp: lab.startedAt });
    const { answer, ms } = await timed(backend.waitForJob(5));
    return { exact: answer?.score === lab.startedAt + 600_000, quick: ms < 1_000 };
  },
  'prefers a waiting job to a delayed one': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('d', {}, { delay: 600_000 });
    await queue.add('a', {});
    return { score: (await backend.waitForJob(5))?.score };
  },
  'answers null after its time without jobs': async lab => {
    const { backend } = backends(lab);
    const { answer, ms } = await timed(backend.waitForJob(0.05));
    return { answer: String(answer), waited: ms >= 40, notLong: ms < 1_500 };
  },
  'answers null on a paused queue': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('a', {});
    await queue.pause();
    return { answer: String(await backend.waitForJob(0.05)) };
  },
  'answers again after resume': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('a', {});
    await queue.pause();
    const paused = String(await backend.waitForJob(0.05));
    await queue.resume();
    return { paused, score: (await backend.waitForJob(5))?.score };
  },
  'resume announces a delayed job': async lab => {
    const { queue, backend } = backends(lab);
    await queue.pause();
    await queue.add('d', {}, { delay: 600_000, timestamp: lab.startedAt });
    await queue.resume();
    return { exact: (await backend.waitForJob(5))?.score === lab.startedAt + 600_000 };
  },
  ...table(
    [
      ['an added job', 'add'],
      ['a bulk', 'bulk'],
      ['a prioritized job', 'priority'],
      ['a promoted job', 'promote'],
      ['a retried job', 'retry'],
      ['a resumed queue', 'resume'],
      ['a job given back', 'give back'],
      ['a released parent', 'parent'],
      ['a flow', 'flow'],
      ['a scheduler', 'scheduler'],
    ] as const,
    ([name]) => `wakes for ${name} of another client`,
    async (lab, [, how]) => {
      const { queue, backend } = backends(lab);
      const other = lab.queue();
      const hand = lab.worker();
      await queue.waitUntilReady();
      if (how === 'promote') await queue.add('d', {}, { jobId: 'd', delay: 600_000 });
      if (how === 'retry') await lab.fail(queue, hand, 'f', 'x', { jobId: 'f' });
      if (how === 'give back') {
        await queue.add('g', {}, { jobId: 'g' });
        await lab.take(hand);
      }
      if (how === 'resume') {
        await queue.add('r', {});
        await queue.pause();
      }
      const children = lab.queue({}, 'children');
      const parent = () => ({
        name: 'p',
        queueName: queue.name,
        opts: { jobId: 'p' },
        children: [{ name: 'c', queueName: children.name }],
      });
      if (how === 'parent') await lab.flow().add(parent());
      while (await backend.waitForJob(0.01));
      const wait = timed(backend.waitForJob(5));
      await lab.pass(20);
      if (how === 'add') await other.add('a', {});
      if (how === 'bulk') await other.addBulk([{ name: 'a', data: {} }]);
      if (how === 'priority') await other.add('a', {}, { priority: 2 });
      if (how === 'promote') await (await other.getJob('d'))?.promote();
      if (how === 'retry') await (await other.getJob('f'))?.retry();
      if (how === 'resume') await other.resume();
      if (how === 'give back') await hand.getBackend().moveJobFromActiveToWait('g', 't');
      if (how === 'parent') await lab.complete(children, lab.worker(null, {}, 'children'), 'x');
      if (how === 'flow') await lab.flow().add({ name: 'a', queueName: queue.name });
      if (how === 'scheduler') await other.upsertJobScheduler('s', { every: 3_600_000 });
      const { answer, ms } = await wait;
      return { score: answer?.score, woke: ms < 3_000 };
    },
  ),
  'wakes for a delayed job with its due time': async lab => {
    const { backend } = backends(lab);
    const wait = timed(backend.waitForJob(5));
    await lab.pass(20);
    await lab.queue().add('d', {}, { delay: 600_000, timestamp: lab.startedAt });
    const { answer, ms } = await wait;
    return { exact: answer?.score === lab.startedAt + 600_000, woke: ms < 3_000 };
  },
  'takes fractions of a second': async lab => {
    const { backend } = backends(lab);
    const { ms } = await timed(backend.waitForJob(0.02));
    return {
      short: ms < 1_000,
      least: backend.minimumBlockTimeout > 0 && backend.minimumBlockTimeout <= 0.01,
    };
  },
  'is interrupted by disconnectBlocking': async lab => {
    const { backend } = backends(lab);
    await backend.waitUntilReady();
    const wait = timed(backend.waitForJob(8).catch(() => null));
    await lab.pass(30);
    await backend.disconnectBlocking();
    return { answer: String((await wait).answer), quick: (await wait).ms < 4_000 };
  },
  'works again after reconnectBlocking': async lab => {
    const { queue, backend } = backends(lab);
    await backend.waitUntilReady();
    await backend.disconnectBlocking();
    await backend.reconnectBlocking();
    await queue.add('a', {});
    return { score: (await backend.waitForJob(5))?.score };
  },
});

/** Workers as a whole: they start, wait, wake, stop. */
export const workers = family('worker', {
  'runs what is there and what comes': async lab => {
    const queue = lab.queue();
    const names: string[] = [];
    await queue.add('a', {});
    lab.worker(async job => names.push(job.name), { drainDelay: 5 });
    await lab.until(() => names.length === 1);
    await lab.pass(30);
    await queue.add('b', {});
    await lab.until(() => names.length === 2, 'the second job');
    return names;
  },
  'runs a delayed job when it is due': async lab => {
    const queue = lab.queue();
    let at = 0;
    lab.worker(
      async () => {
        at = Date.now();
      },
      { drainDelay: 5 },
    );
    const job = await queue.add('a', {}, { delay: 80 });
    await lab.until(() => at > 0, 'the delayed job');
    return { notEarly: at >= job.timestamp + 80, soon: at < job.timestamp + 3_000 };
  },
  'runs a shorter delay that comes later first': async lab => {
    const queue = lab.queue();
    const names: string[] = [];
    lab.worker(async job => names.push(job.name), { drainDelay: 5 });
    await queue.add('long', {}, { delay: 400 });
    await lab.pass(20);
    await queue.add('short', {}, { delay: 50 });
    await lab.until(() => names.length === 2, 'both jobs');
    return names;
  },
  'runs as many at a time as its concurrency': async lab => {
    const queue = lab.queue();
    let now = 0;
    let most = 0;
    await queue.addBulk(Array.from({ length: 12 }, () => ({ name: 'a', data: {} })));
    lab.worker(
      async () => {
        most = Math.max(most, ++now);
        await lab.pass(15);
        now--;
      },
      { concurrency: 4 },
    );
    await lab.until(async () => (await queue.getCompletedCount()) === 12, 'all jobs');
    return { most };
  },
  'closes while it waits': async lab => {
    const worker = lab.worker(async () => 1, { drainDelay: 8 });
    await worker.waitUntilReady();
    await lab.pass(60);
    const { ms } = await timed(worker.close());
    return { quick: ms < 4_000 };
  },
  'closing lets the running job finish': async lab => {
    const queue = lab.queue();
    let started = false;
    const worker = lab.worker(async () => {
      started = true;
      await lab.pass(80);
      return 'finished';
    });
    await queue.add('a', {}, { jobId: 'a' });
    await lab.until(() => started);
    await worker.close();
    return lab.stored(queue, 'a');
  },
  'pauses and resumes': async lab => {
    const queue = lab.queue();
    const names: string[] = [];
    const worker = lab.worker(async job => names.push(job.name), { drainDelay: 5 });
    await worker.waitUntilReady();
    await worker.pause();
    await queue.add('a', {});
    await lab.pass(60);
    const while_ = [...names];
    worker.resume();
    await lab.until(() => names.length === 1, 'the job');
    return { while: while_.length, names };
  },
  'a paused queue holds it, resume lets it go': async lab => {
    const queue = lab.queue();
    const names: string[] = [];
    await queue.pause();
    lab.worker(async job => names.push(job.name), { drainDelay: 5 });
    await queue.add('a', {});
    await lab.pass(60);
    const held = names.length;
    await queue.resume();
    await lab.until(() => names.length === 1, 'the job');
    return { held, names };
  },
  'emits drained when nothing is left': async lab => {
    const queue = lab.queue();
    const heard: string[] = [];
    await queue.add('a', {});
    const worker = lab.worker(async () => 1);
    worker.on('completed', () => heard.push('completed')).on('drained', () => heard.push('drained'));
    await lab.until(() => heard.length > 1, 'drained');
    return heard;
  },
  'renews its locks while a job takes long': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    lab.worker(() => lab.pass(700).then(() => 'kept'), {
      lockDuration: 300,
      skipLockRenewal: false,
      lockRenewTime: 60,
    });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the long job');
    return lab.stored(queue, 'a');
  },
  'finds a stalled job of another worker': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    await lab.take(lab.worker(null, { lockDuration: 15 }));
    lab.worker(async () => 'rescued', { stalledInterval: 40 });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the rescue');
    return lab.stored(queue, 'a');
  },
  'needs a connection option': async lab => {
    const { Worker } = await import('bullmq');
    return lab.refusal(async () => new Worker(lab.name(), null, undefined as never, lab.factory));
  },
  'three share a queue, each job once': async lab => {
    const queue = lab.queue();
    const seen: string[] = [];
    for (let n = 0; n < 3; n++) lab.worker(async job => seen.push(job.id ?? ''), { concurrency: 3 });
    await queue.addBulk(Array.from({ length: 60 }, () => ({ name: 'a', data: {} })));
    await lab.until(async () => (await queue.getCompletedCount()) === 60, 'all jobs');
    return { runs: seen.length, different: new Set(seen).size };
  },
});
