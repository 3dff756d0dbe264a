import { DelayedError, WaitingChildrenError, WaitingError } from 'bullmq';
import { family, table } from '../engine.ts';

/** Several clients at once on one queue, and whole runs through workers. */
export const together = family('together', {
  'concurrent adds get different ids, one after the other': async lab => {
    const [one, two] = [lab.queue(), lab.queue()];
    const jobs = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).add('a', {})));
    const ids = jobs.map(job => Number(job.id)).sort((a, b) => a - b);
    return { first: ids[0], last: ids.at(-1), different: new Set(ids).size };
  },
  'calls of one client in one turn keep their order': async lab => {
    const queue = lab.queue();
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(name => queue.add(name, {})));
    return lab.runAll(lab.worker());
  },
  'one call that fails does not take its neighbours along': async lab => {
    const queue = lab.queue();
    const backend = queue.getBackend();
    const results = await Promise.allSettled([
      queue.add('a', {}, { jobId: 'a' }),
      backend.promote('nobody'),
      queue.add('b', {}, { jobId: 'b' }),
      backend.changeDelay('nobody', 1),
      queue.add('c', {}, { jobId: 'c' }),
    ]);
    return { results: results.map(it => it.status), where: await lab.where(queue) };
  },
  'of many removals of one job exactly one is an event': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    await Promise.all(Array.from({ length: 5 }, () => queue.remove('a')));
    return lab.eventLog(queue);
  },
  'of many adds with one id exactly one is stored': async lab => {
    const queues = [lab.queue(), lab.queue()];
    await Promise.all(Array.from({ length: 10 }, (_, n) => queues[n % 2]?.add(`n`, {}, { jobId: 'same' })));
    const [queue] = queues;
    return queue ? { where: await lab.where(queue), log: (await lab.eventLog(queue)).sort() } : null;
  },
  'of many de-duplicated adds exactly one is stored': async lab => {
    const queue = lab.queue();
    const jobs = await Promise.all(
      Array.from({ length: 10 }, () => queue.add('a', {}, { deduplication: { id: 'd' } })),
    );
    return { ids: [...new Set(jobs.map(job => job.id))], where: await lab.where(queue) };
  },
  '500 jobs go through': async lab => {
    const queue = lab.queue();
    await queue.addBulk(Array.from({ length: 500 }, (_, n) => ({ name: `n${n}`, data: { n } })));
    let sum = 0;
    lab.worker(
      async job => {
        sum += job.data.n;
      },
      { concurrency: 20 },
    );
    await lab.until(async () => (await queue.getCompletedCount()) === 500, 'all jobs');
    return { sum, counts: await queue.getJobCounts() };
  },
});

/** What a processor may do with its job. */
export const processors = family('processor', {
  ...table(
    [
      ['undefined', undefined],
      ['null', null],
      ['false', false],
      ['0', 0],
      ['an object', { a: [1] }],
    ] as const,
    ([name]) => `returns ${name}`,
    async (lab, [, value]) => {
      const queue = lab.queue();
      await queue.add('a', {}, { jobId: 'a' });
      lab.worker(async () => value);
      await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the job');
      return { stored: await lab.stored(queue, 'a'), value: (await queue.getJob('a'))?.returnvalue };
    },
  ),
  'throws and is retried': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a', attempts: 3 });
    const attempts: number[] = [];
    lab.worker(async job => {
      attempts.push(job.attemptsMade);
      if (attempts.length < 3) throw new Error(`try ${attempts.length}`);
      return 'third time lucky';
    });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the job');
    return { attempts, stored: await lab.stored(queue, 'a') };
  },
  'throws and is retried with a backoff': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a', attempts: 2, backoff: 60 });
    const times: number[] = [];
    lab.worker(
      async () => {
        times.push(Date.now());
        if (times.length < 2) throw new Error('once');
      },
      { drainDelay: 5 },
    );
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the job');
    return {
      waited: Number(times[1]) - Number(times[0]) >= 59,
      log: (await lab.eventLog(queue)).map(it => it.split(' ')[0]),
    };
  },
  'delays itself': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    let runs = 0;
    lab.worker(async (job, token) => {
      runs++;
      if (runs > 1) return 'later';
      await job.moveToDelayed(Date.now() + 40, token);
      throw new DelayedError();
    });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the job');
    return { runs, stored: await lab.stored(queue, 'a') };
  },
  'goes back to wait': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    let runs = 0;
    lab.worker(async (job, token) => {
      runs++;
      if (runs > 1) return 'again';
      await job.moveToWait(token);
      throw new WaitingError();
    });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the job');
    return { runs, stored: await lab.stored(queue, 'a') };
  },
  'adds a child and waits for it': async lab => {
    const queue = lab.queue();
    const children = lab.queue({}, 'children');
    await queue.add('p', {}, { jobId: 'p' });
    let step = 0;
    lab.worker(async () => 'child value', {}, 'children');
    lab.worker(async (job, token) => {
      if (step++ > 0) return job.getChildrenValues();
      await children.add('c', {}, { jobId: 'c', parent: { id: 'p', queue: queue.qualifiedName } });
      if (await job.moveToWaitingChildren(token ?? '')) throw new WaitingChildrenError();
      return job.getChildrenValues();
    });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the parent');
    return (await queue.getJob('p'))?.returnvalue;
  },
  'sees its data, name, id and attempt': async lab => {
    const queue = lab.queue();
    const seen: unknown[] = [];
    await queue.add('named', { z: 1, a: '\u0000' }, { jobId: 'mine', attempts: 2 });
    lab.worker(async job => seen.push([job.name, job.data, job.id, job.attemptsStarted, job.opts.attempts]));
    await lab.until(() => seen.length === 1);
    return seen;
  },
  'logs and reports progress': async lab => {
    const queue = lab.queue();
    await queue.add('a', {}, { jobId: 'a' });
    lab.worker(async job => {
      await job.log('one');
      await job.updateProgress(50);
      await job.updateData({ changed: true });
    });
    await lab.until(async () => (await queue.getCompletedCount()) === 1, 'the job');
    return { logs: await queue.getJobLogs('a'), stored: await lab.stored(queue, 'a') };
  },
});

/** A tree of jobs through workers. */
export const trees = family('processor: flows', {
  'children first, then the parent with their values': async lab => {
    const queue = lab.queue();
    const order: string[] = [];
    lab.worker(async job => {
      order.push(job.name);
      return job.name === 'p' ? job.getChildrenValues() : job.data;
    });
    const child = (name: string) => ({
      name,
      queueName: queue.name,
      data: { from: name },
      opts: { jobId: name },
    });
    await lab
      .flow()
      .add({ name: 'p', queueName: queue.name, opts: { jobId: 'p' }, children: ['a', 'b', 'c'].map(child) });
    await lab.until(async () => (await queue.getJobState('p')) === 'completed', 'the parent');
    return { order, value: (await queue.getJob('p'))?.returnvalue };
  },
  'a failed child fails the whole line above it': async lab => {
    const queue = lab.queue();
    lab.worker(async job => {
      if (job.name === 'x') throw new Error('deep');
    });
    const opts = (jobId: string) => ({ jobId, failParentOnFailure: true });
    await lab.flow().add({
      name: 'p',
      queueName: queue.name,
      opts: { jobId: 'p' },
      children: [
        {
          name: 'm',
          queueName: queue.name,
          opts: opts('m'),
          children: [{ name: 'x', queueName: queue.name, opts: opts('x') }],
        },
      ],
    });
    await lab.until(async () => (await queue.getFailedCount()) === 3, 'three failures');
    const reasons = await Promise.all(
      ['x', 'm', 'p'].map(async id => (await queue.getJob(id))?.failedReason),
    );
    return reasons;
  },
});
