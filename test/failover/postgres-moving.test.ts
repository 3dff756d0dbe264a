/** What goes from one home to the other when PostgreSQL is the primary. */
import { UnrecoverableError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { onPostgres } from './postgres-rig.ts';
import { until } from './rig.ts';

const HOUR = 3_600_000;

const flowOf = (what: string) => ({
  name: `${what}-parent`,
  queueName: 'q',
  children: [1, 2].map(n => ({ name: `${what}-child-${n}`, queueName: 'q', data: {} })),
});

describe.concurrent('on PostgreSQL', () => {
  it('a flow runs from its leaves up, also one that was added while it was away', async context => {
    const values: Record<string, unknown> = {};
    const rig = await onPostgres(context, async job => {
      values[job.name] = await job.getChildrenValues();
      return job.name;
    });
    const { postgres, queue, flow, worker, runs, reaches, ran } = rig;
    const before = await flow.add(flowOf('before'));
    await ran(3);
    await until(() => 'before-parent' in values, 'what the parent reads');
    expect(runs.inOrder[2]).toBe('before-parent');
    const keys = before.children?.map(({ job }) => `bull:q:${job.id}`) ?? [];
    expect(values['before-parent']).toEqual({ [keys[0]!]: 'before-child-1', [keys[1]!]: 'before-child-2' });
    const tree = await flow.getFlow({ queueName: 'q', id: before.job.id! });
    expect(tree.children?.map(({ job }) => [job.name, job.parentKey])).toEqual(
      expect.arrayContaining([['before-child-1', `bull:q:${before.job.id}`]]),
    );

    await worker.pause();
    await postgres.kill();
    await reaches('standby');
    const meanwhile = await flow.add(flowOf('meanwhile'));
    await postgres.restart();
    await reaches('primary');
    expect((await queue.getJob(meanwhile.job.id!))?.name).toBe('meanwhile-parent');
    expect(await queue.getJobCounts('waiting-children', 'waiting')).toEqual({
      'waiting-children': 1,
      waiting: 2,
    });
    worker.resume();
    await ran(6);
    expect(runs.inOrder[5]).toBe('meanwhile-parent');
    expect(rig.engine.status()).toMatchObject({ returned: 3, duplicates: 0 });
  });

  it('a job that failed on the standby goes back with all it has been through, and no attempt is given twice', async context => {
    const rig = await onPostgres(context, async job => {
      await job.log(`attempt ${job.attemptsMade + 1}`);
      await job.updateProgress(job.attemptsMade + 1);
      throw new Error(`failed at attempt ${job.attemptsMade + 1}`);
    });
    const { postgres, queue, engine, runs, reaches, ran } = rig;
    await queue.waitUntilReady();
    await postgres.kill();
    await reaches('standby');
    const backoff = { type: 'fixed', delay: HOUR };
    const added = await queue.add('fails', { a: 1 }, { attempts: 2, backoff, priority: 3 });
    await ran(1);
    const isDelayed = async () => (await queue.getJobCounts('delayed')).delayed === 1;
    await until(isDelayed, 'the retry', () => engine.status());
    const before = (await queue.getJob(added.id!))!;
    const due = before.processedOn! + HOUR;
    await postgres.restart();
    await reaches('primary');

    expect(engine.status().pending).toBe(0);
    const there = (await queue.getJob(added.id!))!;
    const of = ({ asJSON: _, ...job }: typeof there) => ({
      ...{ opts: job.opts, timestamp: job.timestamp, priority: job.priority, delay: job.delay },
      ...{ attemptsMade: job.attemptsMade, attemptsStarted: job.attemptsStarted },
      ...{ failedReason: job.failedReason, stacktrace: job.stacktrace, progress: job.progress },
      ...{ processedOn: job.processedOn, data: job.data, stalled: job.stalledCounter },
    });
    expect(of(there)).toEqual(of(before));
    expect(there).toMatchObject({ attemptsMade: 1, failedReason: 'failed at attempt 1', progress: 1 });
    expect((await queue.getJobLogs(added.id!)).logs).toEqual(['attempt 1']);
    // Not due again at once, nor an hour after it was added: an hour after it failed.
    const [early, late] = [due - 10_000, due + 60_000];
    const backend = queue.getBackend();
    expect(await Promise.all([early, late].map(at => backend.getCounts(['delayed'], at)))).toEqual([
      [0],
      [1],
    ]);

    await there.promote();
    await ran(2);
    const isFailed = async () => (await queue.getJobCounts('failed')).failed === 1;
    await until(isFailed, 'the end', () => [engine.status(), runs.count]);
    expect(await queue.getJob(added.id!)).toMatchObject({
      attemptsMade: 2,
      failedReason: 'failed at attempt 2',
    });
    expect((await queue.getJobLogs(added.id!)).logs).toEqual(['attempt 1', 'attempt 2']);
  });

  it('what ran on PostgreSQL while that went away is told later, with its attempt', async context => {
    let fail = () => {};
    const failed = new Promise<void>(resolve => {
      fail = resolve;
    });
    const rig = await onPostgres(context, async () => {
      await failed;
      throw new UnrecoverableError('no more');
    });
    const { postgres, queue, engine, runs, reaches, ran } = rig;
    const added = await queue.add('runs', {}, { attempts: 5 });
    await ran(1);
    await postgres.kill();
    await reaches('standby');
    fail();
    await until(() => engine.status().reportsKept === 1, 'the report');
    await postgres.restart();
    await reaches('primary');
    const isFailed = async () => (await queue.getJobCounts('failed')).failed === 1;
    await until(isFailed, 'the end', () => engine.status());
    expect(await queue.getJob(added.id!)).toMatchObject({ attemptsMade: 1, failedReason: 'no more' });
    expect(runs.count).toBe(1);
  });

  it('what PostgreSQL can not hold stays, and is told; what stands behind it goes back', async context => {
    const rig = await onPostgres(context);
    const { postgres, queue, flow, worker, engine, runs, reaches, ran } = rig;
    const told: unknown[] = [];
    engine.on('undeliverable', it => told.push([it.op, it.job]));
    await queue.waitUntilReady();
    await worker.pause();
    await postgres.kill();
    await reaches('standby');
    await queue.add('odd', { text: 'a\u0000b' }, { jobId: 'odd' });
    await rig.add('plain');
    const [first, second] = flowOf('odd').children;
    const odd = { ...second!, data: { text: '\u0000' } };
    const tree = await flow.add({ ...flowOf('odd'), children: [first!, odd] });
    await rig.add('later');
    await postgres.restart();
    await reaches('primary');
    expect(engine.status()).toMatchObject({ pending: 4, returned: 40, duplicates: 0 });
    expect(told).toEqual([
      ['add', 'odd'],
      ['add', tree.job.id],
    ]);
    worker.resume();
    await ran(44);
    expect(new Set(runs.inOrder).size).toBe(44);
    // To another look at what is left they are not told again.
    expect(told.length).toBe(2);
  });

  it('an add without an answer that PostgreSQL refuses, when it goes on, runs on the standby', async context => {
    const { postgres, queue, engine, runs, ran } = await onPostgres(context, undefined, 1_000);
    let others = 0;
    const isThere = async () => {
      const { spilled } = engine.status();
      others += 1;
      await queue.add('other', {});
      return engine.takesAdds && engine.status().spilled === spilled;
    };
    await until(isThere, 'a connection that is not in doubt', () => engine.status());
    await ran(others);
    postgres.pause();
    await queue.add('odd', { text: '\u0000' });
    expect(engine.status().unknown).toBe(1);
    postgres.resume();
    const isDone = async () => (await queue.getJobCounts('completed')).completed === others + 1;
    await until(isDone, 'its end', () => engine.status());
    expect(runs.inOrder.filter(name => name === 'odd')).toEqual(['odd']);
  });
});
