/** What was taken out of the standby, made anew on a real Redis: each in its place. */
import { join } from 'node:path';
import { createRedisBackend, type Job, Queue, Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { entryOf, Ledger, schedulerCallOf } from '../../src/engines/failover/ledger/index.ts';
import {
  createSqliteBackend,
  type TakenJob,
  type TakenScheduler,
  type TakenUnit,
} from '../../src/engines/sqlite/index.ts';
import { redisForTests, type TestServer } from '../servers/index.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/random.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Content } from './content.ts';

const SEED = testSeed();
const replay = `replay with SPILLWAY_TEST_SEED=${SEED}`;

const connectionTo = (server: TestServer) => {
  const { hostname, port, username, password } = new URL(server.url);
  return {
    host: hostname,
    port: Number(port),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
  };
};

/** Set by schedulers; the type of the options has no word for it. */
const repeatOf = (job: Job) => (job.opts as { repeat?: object }).repeat;

/** All units of a standby with random content. */
async function taken(random: SeededRandom, prefix: string): Promise<TakenUnit[]> {
  const file = join(tempDir('on-redis'), 'q.db');
  await using content = new Content({ file }, random, prefix);
  await content.grow(250);
  const ledger = await Ledger.open({ file });
  const units: TakenUnit[] = [];
  for (;;) {
    const batch = await ledger.takeBatch(undefined, 20);
    if (batch === undefined) break;
    units.push(...batch.units);
  }
  await ledger.close();
  return units;
}

describe('on Redis', () => {
  it('jobs and flows stand in their states and their order', async () => {
    await using server = await redisForTests();
    const opts = { connection: connectionTo(server), prefix: server.prefix };
    const units = await taken(seededRandom(SEED), server.prefix);
    const backend = createRedisBackend('', opts);
    backend.on('error', () => undefined);
    for (const { jobs } of units) {
      const entries = jobs.map(entryOf);
      const results = await backend.addFlow(entries);
      expect(results, replay).toEqual(jobs.map(({ id }) => [null, id]));
    }
    await backend.close();
    const jobs = units.flatMap(unit => unit.jobs);
    for (const name of ['mail', 'sms']) {
      const queue = new Queue(name, opts);
      const ours = jobs.filter(job => job.queue === `${server.prefix}:${name}`);
      // A waiting job that has a priority (it had stalled, say) takes its place among those again.
      const [waiting, prioritized] = [false, true].map(withPriority =>
        ours.filter(({ state, job }) =>
          state === 'prioritized' || state === 'waiting' ? (job.priority ?? 0) > 0 === withPriority : false,
        ),
      ) as [TakenJob[], TakenJob[]];
      const delayed = ours.filter(({ state }) => state === 'delayed');
      const ids = (list: readonly TakenJob[]) => list.map(({ id }) => id);
      const found = async (state: 'waiting' | 'prioritized' | 'delayed' | 'waiting-children') =>
        (await queue.getJobs([state], 0, -1, true)).map(job => job.id);
      expect(await found('waiting'), replay).toEqual(ids(waiting));
      expect(await found('prioritized'), replay).toEqual(
        ids(prioritized.toSorted((a, b) => (a.job.priority ?? 0) - (b.job.priority ?? 0))),
      );
      expect(await found('delayed'), replay).toEqual(
        ids(delayed.toSorted((a, b) => (a.due ?? 0) - (b.due ?? 0))),
      );
      expect((await found('waiting-children')).sort(), replay).toEqual(
        ids(ours.filter(({ state }) => state === 'waiting-children')).sort(),
      );
      for (const job of delayed) {
        const { delay, timestamp } = (await queue.getJob(job.id)) as { delay: number; timestamp: number };
        expect(timestamp + delay, replay).toBe(job.due);
      }
      for (const { id, job, state } of ours) {
        const there = await queue.getJob(id);
        expect(there, replay).toMatchObject({ name: job.name, data: JSON.parse(job.data) });
        expect(there?.timestamp, replay).toBe(job.timestamp);
        expect(there?.parentKey, replay).toBe(job.parentKey);
        if (state !== 'waiting-children') continue;
        const children = jobs.filter(child => child.job.parentKey === `${server.prefix}:${name}:${id}`);
        const { unprocessed = [] } = (await there?.getDependencies()) ?? {};
        expect(unprocessed.sort(), replay).toEqual(
          children.map(child => `${child.queue}:${child.id}`).sort(),
        );
      }
      await queue.close();
    }
  }, 60_000);

  it('schedulers run next when they would have', async () => {
    await using server = await redisForTests();
    const file = join(tempDir('on-redis'), 'q.db');
    const { prefix } = server;
    const [here, there] = [
      { connection: { file } as never, prefix },
      { connection: connectionTo(server), prefix },
    ];
    const standby = new Queue('clock', here, createSqliteBackend as never);
    const worker = new Worker('clock', null, here, createSqliteBackend as never);
    const primary = new Queue('clock', there);
    const template = { name: 'tick', data: { a: 1 }, opts: { attempts: 2, keepLogs: 5, priority: 3 } };
    await standby.upsertJobScheduler('hourly', { every: 3_600_000 }, template);
    await standby.upsertJobScheduler('shifted', { every: 3_600_000, offset: 1000 }, template);
    await standby.upsertJobScheduler(
      'nightly',
      { pattern: '0 0 3 * * *', tz: 'Asia/Tokyo', limit: 9 },
      template,
    );
    const first = await worker.getNextJob('t', { block: false });
    expect(first?.repeatJobKey).toBe('hourly');
    await first?.moveToCompleted('done', 't', false);
    // This one's first run is due, and nobody has taken it up.
    await standby.upsertJobScheduler('overdue', { every: 7_200_000 }, template);
    const before = await standby.getJobSchedulers();
    const planned = await standby.getJobs(['delayed', 'prioritized']);
    expect([before.length, planned.length]).toEqual([4, 4]);

    const ledger = await Ledger.open({ file });
    const batch = await ledger.takeSchedulers(undefined, 10);
    for (const { scheduler, jobs } of batch?.units ?? []) {
      expect(jobs).toHaveLength(1);
      await primary.getBackend().addJobScheduler(...schedulerCallOf(scheduler as TakenScheduler));
    }
    expect(await standby.getJobSchedulersCount()).toBe(0);
    expect(await standby.getJobCountByTypes('delayed', 'prioritized')).toBe(0);

    const after = await primary.getJobSchedulers();
    expect(after).toHaveLength(4);
    for (const { key, next = 0, iterationCount: _, startDate: __, ...fields } of before) {
      const found = after.find(scheduler => scheduler.key === key);
      expect(found).toMatchObject(fields);
      if (key === 'overdue') expect(found?.next).toBeGreaterThanOrEqual(next);
      else expect(found?.next).toBe(next);
      const job = (await primary.getJob(`repeat:${key}:${found?.next}`)) as Job;
      const old = planned.find(({ repeatJobKey }) => repeatJobKey === key) as Job;
      expect(await job.getState()).toBe(key === 'overdue' ? 'prioritized' : 'delayed');
      expect(job).toMatchObject({ name: old.name, data: old.data, priority: old.priority });
      expect(repeatOf(job)).toEqual(repeatOf(old));
    }
    await ledger.close();
    for (const object of [standby, worker, primary]) await object.close();
  }, 60_000);
});
