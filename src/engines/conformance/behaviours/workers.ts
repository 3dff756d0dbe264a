import { family } from '../engine.ts';
import { timed } from './fixtures.ts';

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
