import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig, Runs, until } from './rig.ts';

const addMany = (queue: ReturnType<Rig['queue']>, from: number, count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => queue.add(`job-${from + index}`, {})));

describe.concurrent('a Redis that is killed', () => {
  it('is replaced by the standby, comes back by itself, and every job runs once', async () => {
    await using rig = await Rig.start({}, DURABLE);
    const queue = rig.queue();
    const runs = new Runs();
    const worker = rig.worker(async job => runs.add(job.name), { concurrency: 20 });
    await addMany(queue, 0, 50);
    await until(() => runs.count === 50, 'the jobs before');

    await rig.redis.kill();
    await addMany(queue, 50, 50);
    await until(() => runs.count === 100, 'the jobs on the standby');
    expect(rig.engine.state).toBe('standby');
    expect(rig.engine.status()).toMatchObject({ rung: 'standby', switches: 1 });

    await worker.pause();
    await addMany(queue, 100, 200);
    expect((await queue.getJobCounts('wait')).wait).toBe(200);
    await rig.redis.restart();
    await rig.reaches('primary');
    const redis = new Redis(rig.redis.port);
    expect(await redis.llen('bull:q:wait')).toBe(200);
    await redis.quit();
    worker.resume();
    await until(() => runs.count >= 300, 'the jobs given back');
    await until(
      async () => (await queue.getJobCounts('completed')).completed === 300,
      'all of them completed',
    );
    expect([runs.count, runs.distinct]).toEqual([300, 300]);
    expect(rig.engine.status()).toMatchObject({ pending: 0, duplicates: 0, lost: 0, rung: 'primary' });
    expect(rig.told.state.map(({ from, to }) => `${from} ${to}`)).toEqual([
      'primary standby',
      'standby returning',
      'returning primary',
    ]);
    expect(rig.errors).toEqual([]);
    expect(rig.told.undeliverable).toEqual([]);
    expect(rig.told.trouble).toEqual([]);
  });

  it('while a job runs: its progress, log and result are kept and delivered; it does not run again', async () => {
    await using rig = await Rig.start({}, DURABLE);
    const queue = rig.queue();
    const runs = new Runs();
    let goOn = () => {};
    const held = new Promise<void>(resolve => {
      goOn = resolve;
    });
    rig.worker(
      async job => {
        runs.add(job.name);
        await held;
        await job.updateProgress(70);
        await job.log('nearly');
        await job.updateData({ changed: true });
        if (job.name === 'fails') throw new Error('on purpose');
        return { of: job.name };
      },
      { concurrency: 5, lockDuration: 1500, stalledInterval: 500 },
    );
    const good = await queue.add('good', {});
    const bad = await queue.add('fails', {});
    const again = await queue.add('retried', {}, { attempts: 2 });
    await until(() => runs.count === 3, 'the jobs to start');
    await rig.redis.kill();
    await rig.reaches('standby');
    goOn();
    await until(() => rig.engine.status().reportsKept === 3, 'the reports to be kept');
    await rig.redis.restart();
    await rig.reaches('primary');
    expect(await good.getState()).toBe('completed');
    const stored = await queue.getJob(good.id ?? '');
    expect(stored).toMatchObject({ returnvalue: { of: 'good' }, progress: 70, data: { changed: true } });
    expect((await queue.getJobLogs(good.id ?? '')).logs).toEqual(['nearly']);
    expect(await bad.getState()).toBe('failed');
    expect((await queue.getJob(bad.id ?? ''))?.failedReason).toBe('on purpose');
    expect(await again.getState()).toBe('completed');
    expect(runs.inOrder.toSorted()).toEqual(['fails', 'good', 'retried']);
    expect(rig.engine.status()).toMatchObject({ reportsDelivered: 3, duplicates: 0 });
    expect(rig.told.undeliverable).toEqual([]);
  });
});

describe.concurrent('a Redis that hangs', () => {
  it('adds of unknown outcome run once, though Redis carries them out when it goes on', async () => {
    await using rig = await Rig.start({}, DURABLE);
    const queue = rig.queue();
    const runs = new Runs();
    const worker = rig.worker(async job => runs.add(job.name), { concurrency: 20 });
    await addMany(queue, 0, 20);
    await until(() => runs.count === 20, 'the jobs before');
    rig.redis.pause();
    await addMany(queue, 20, 50);
    await until(() => runs.count === 70, 'the jobs on the standby');
    expect(rig.engine.status().unknown).toBeGreaterThan(0);
    await worker.pause();
    await addMany(queue, 70, 30);
    rig.redis.resume();
    await rig.reaches('primary');
    worker.resume();
    await until(
      async () => (await queue.getJobCounts('completed')).completed === 100,
      'all of them completed',
    );
    expect([runs.count, runs.distinct]).toEqual([100, 100]);
    expect(rig.engine.status()).toMatchObject({ duplicates: 0, pending: 0 });
    expect(rig.told.trouble).toEqual([]);
  });
});

describe.concurrent('a Redis that is full', () => {
  it('spills, makes room among finished jobs, and is used again', async () => {
    await using rig = await Rig.start();
    const queue = rig.queue();
    const runs = new Runs();
    rig.worker(async job => runs.add(job.name), { concurrency: 50 });
    const data = { text: 'y'.repeat(1000) };
    await Promise.all(Array.from({ length: 1500 }, (_, n) => queue.add(`old-${n}`, data)));
    await until(() => runs.count === 1500, 'the jobs before');
    const redis = new Redis(rig.redis.port);
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'maxmemory', String(used - 100_000));
    await Promise.all(Array.from({ length: 100 }, (_, n) => queue.add(`new-${n}`, data)));
    await until(() => runs.count === 1600, 'the jobs on the standby');
    await rig.reaches('primary');
    expect(rig.told.room.reduce((sum, { removed }) => sum + removed, 0)).toBeGreaterThan(0);
    expect(runs.distinct).toBe(1600);
    expect(rig.told.state[0]).toMatchObject({ to: 'standby', failure: 'oom' });
    await redis.quit();
  });
});

describe.concurrent('a Redis that takes no writes', () => {
  it.each([
    ['readonly', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    [
      'noreplicas',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
  ])(
    '%s: told by its class, and over when it is over',
    async (failure, [bad = '', ...badArgs], [good = '', ...goodArgs]) => {
      await using rig = await Rig.start();
      const queue = rig.queue();
      await queue.add('before', {});
      const redis = new Redis(rig.redis.port);
      await redis.call(bad, ...badArgs);
      const job = await queue.add('during', {});
      expect(await job.getState()).toBe('waiting');
      expect(rig.engine.state).toBe('standby');
      expect(rig.told.state.at(-1)).toMatchObject({ failure });
      await redis.call(good, ...goodArgs);
      await rig.reaches('primary');
      expect(await redis.llen('bull:q:wait')).toBe(2);
      await redis.quit();
    },
  );
});
