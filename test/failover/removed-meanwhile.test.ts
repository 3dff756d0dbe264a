/** Jobs of Redis that another process removes while this one keeps what its workers have to report of them. */
import { type Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { PATIENT, Rig, until } from './rig.ts';

/** What a worker may have to report of a job, and what may be asked for it from outside. */
const REPORTS: Record<string, (job: Job) => Promise<unknown>> = {
  completed: job => job.moveToCompleted('done', 't', false),
  failed: job => job.moveToFailed(new Error('on purpose'), 't', false),
  retried: job => job.moveToFailed(new Error('once more'), 't', false),
  'delayed by its backoff': job => job.moveToFailed(new Error('later'), 't', false),
  'put off': job => job.moveToDelayed(Date.now() + 60_000, 't'),
  'put back': job => job.moveToWait('t'),
  'its children are waited for': job => job.moveToWaitingChildren('t'),
  'its progress': job => job.updateProgress(50),
  'a line of its log': job => job.log('a line'),
  'its log is cleared': job => job.clearLogs(),
  'its data': job => job.updateData({ changed: true }),
};
const OPTIONS: Record<string, object> = {
  retried: { attempts: 3 },
  'delayed by its backoff': { attempts: 3, backoff: 60_000 },
};

describe.concurrent.each<[string, (other: Queue, ids: string[], redis: Redis) => Promise<unknown>]>([
  ['obliterates the queue', other => other.obliterate({ force: true })],
  [
    'removes the jobs, whose locks have run out',
    async (other, ids, redis) => {
      await redis.del(ids.map(id => `bull:q:${id}:lock`));
      for (const id of ids) await other.remove(id);
    },
  ],
  [
    'cleans the queue of them, whose locks have run out',
    async (other, ids, redis) => {
      await redis.del(ids.map(id => `bull:q:${id}:lock`));
      await other.clean(0, 0, 'active');
    },
  ],
])('another process %s', (_, removeAll) => {
  it('what is kept for them is settled: nothing is told, and nothing of them comes back', async () => {
    await using rig = await Rig.start({ ...PATIENT, journal: 'until-completed' });
    const queue = rig.queue();
    const worker = rig.worker(null);
    const jobs: [string, Job][] = [];
    for (const name of Object.keys(REPORTS)) {
      await queue.add(name, {}, OPTIONS[name]);
      const job = await worker.getNextJob('t', { block: false });
      if (job !== undefined) jobs.push([name, job]);
    }
    expect(jobs.map(([name, job]) => [name, job.name])).toEqual(
      Object.keys(REPORTS).map(name => [name, name]),
    );
    rig.engine.switched('off', 'a test');
    await rig.reaches('standby');
    for (const [name, job] of jobs) await REPORTS[name]?.(job);
    expect(rig.engine.status().reportsKept).toBeGreaterThan(5);

    const redis = new Redis(rig.redis.port);
    const other = new Queue('q', { connection: { port: rig.redis.port } });
    const ids = jobs.map(([, job]) => job.id ?? '');
    await removeAll(other, ids, redis);
    const left = async () => {
      const found: string[] = [];
      for (const id of ids) found.push(...(await redis.keys(`bull:q:${id}*`)));
      return found;
    };
    expect(await left()).toEqual([]);
    rig.engine.switched('on', 'a test');
    await rig.reaches('primary');
    expect(rig.told).toMatchObject({ undeliverable: [], trouble: [], duplicate: [], loss: [] });
    expect(await left()).toEqual([]);
    expect(Object.values(await other.getJobCounts()).every(count => count === 0)).toBe(true);
    await queue.add('after', {});
    expect((await worker.getNextJob('t', { block: false }))?.name).toBe('after');
    await Promise.all([redis.quit(), other.close()]);
  });
});

describe.concurrent('remove() while Redis is away', () => {
  it('of a job this process works on: refused, as its lock is held', async () => {
    await using rig = await Rig.start(PATIENT);
    await rig.queue().add('x', {});
    const job = await rig.worker(null).getNextJob('t', { block: false });
    rig.engine.switched('off', 'a test');
    await rig.reaches('standby');
    await expect(job?.remove()).rejects.toThrow('locked by another worker');
  });

  it('of a job that another worker has by then: it is told that it stays', async () => {
    await using rig = await Rig.start(PATIENT);
    const queue = rig.queue();
    const job = await queue.add('x', {});
    const here = rig.engine;
    here.switched('off', 'a test');
    await rig.reaches('standby');
    await job.remove();
    const redis = new Redis(rig.redis.port);
    // As a worker elsewhere would.
    await redis.lmove('bull:q:wait', 'bull:q:active', 'LEFT', 'LEFT');
    await redis.set(`bull:q:${job.id}:lock`, 'elsewhere');
    here.switched('on', 'a test');
    await until(() => rig.told.undeliverable.length > 0, 'the removal to be refused');
    expect(rig.told.undeliverable).toMatchObject([
      { job: job.id, op: 'remove', why: 'Another worker works on it' },
    ]);
    expect(await redis.exists(`bull:q:${job.id}`)).toBe(1);
    await redis.quit();
  });
});
