/** A batch of which Redis takes a part only: what it refuses stays on the standby, all else arrives, each job once. */
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { Rig, Runs, until } from './rig.ts';

const JOBS = 5;

it('a key of another type where a queue has its list: its jobs stay and are told, the others go', async () => {
  await using rig = await Rig.start();
  const [good, bad] = [rig.queue('good'), rig.queue('bad')];
  await rig.engine.started;
  rig.engine.switched('off', 'a test');
  for (let n = 0; n < JOBS; n++) {
    await good.add(`good-${n}`, {});
    await bad.add(`bad-${n}`, {});
    await bad.add(`later-${n}`, {}, { delay: 600_000 });
  }
  const redis = new Redis(rig.redis.port);
  await redis.set('bull:bad:wait', 'not a list');
  rig.engine.switched('on', 'a test');
  await rig.reaches('primary');
  expect(rig.told.undeliverable.map(({ queue, op }) => [queue, op])).toEqual(
    Array.from({ length: JOBS }, () => ['bull:bad', 'add']),
  );
  expect(rig.told).toMatchObject({ trouble: [], duplicate: [] });
  expect(await redis.llen('bull:good:wait')).toBe(JOBS);
  expect(await redis.zcard('bull:bad:delayed')).toBe(JOBS);
  expect(rig.engine.status().pending).toBe(JOBS);
  // Nothing of them is left there.
  expect(await redis.keys('bull:bad:*-*')).toHaveLength(JOBS);

  const runs = new Runs();
  rig.worker(async ({ name }) => runs.add(name), {}, 'bad');
  await until(
    () => runs.count === JOBS,
    'the jobs on the standby',
    () => rig.engine.status(),
  );
  await redis.del('bull:bad:wait');
  rig.worker(async ({ name }) => runs.add(name), {}, 'good');
  await until(
    () => runs.distinct === 2 * JOBS,
    'all jobs',
    () => [runs.inOrder, rig.engine.status()],
  );
  expect(runs.count).toBe(2 * JOBS);
  await redis.quit();
});

it('who goes on with a batch that another left when it was refused in part is told what was refused', async () => {
  await using rig = await Rig.start();
  const [good, bad] = [rig.queue('good'), rig.queue('bad')];
  await rig.engine.started;
  rig.engine.switched('off', 'a test');
  await good.add('good', {}, { jobId: 'good' });
  await bad.add('bad', {}, { jobId: 'bad' });
  const redis = new Redis(rig.redis.port);
  await redis.set('bull:bad:wait', 'not a list');
  const { ledger, maintenance } = rig.engine;
  // Switched off, it is not connected.
  expect(await maintenance.check()).toMatchObject({ ok: true });
  const taken = await ledger.takeBatch(undefined, 10);
  const again = async () => {
    await expect(maintenance.addBatch('left', taken?.units ?? [])).rejects.toMatchObject({
      name: 'UnitsRefused',
      units: new Map([[taken?.units.find(({ jobs }) => jobs[0]?.id === 'bad'), expect.any(String)]]),
    });
  };
  await again();
  await again();
  expect(await redis.lrange('bull:good:wait', 0, -1)).toEqual(['good']);
  // As one that ended before it had looked at the answers.
  await redis.hdel('bull:spillway:batch:left', 'refused');
  await redis.hset('bull:bad:bad', { name: 'bad' });
  await again();
  expect(await redis.exists('bull:bad:bad')).toBe(0);
  await redis.quit();
});

it('a Redis that becomes full under the drain takes a batch whole or not at all', async () => {
  await using rig = await Rig.start();
  const queue = rig.queue();
  await rig.engine.started;
  rig.engine.switched('off', 'a test');
  const data = { text: 'x'.repeat(2_000) };
  const names = Array.from({ length: 1_000 }, (_, n) => `job-${n}`);
  await queue.addBulk(names.map(name => ({ name, data })));
  const redis = new Redis(rig.redis.port);
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  // Room for less than two of the four batches.
  await redis.config('SET', 'maxmemory', String(used + 1_000_000));
  rig.engine.switched('on', 'a test');
  await until(
    () => rig.told.state.some(({ from, failure }) => from !== 'standby' && failure === 'oom'),
    'it to be full',
    () => rig.engine.status(),
  );
  const there = await redis.llen('bull:q:wait');
  expect(there % 250).toBe(0);
  await redis.config('SET', 'maxmemory', '0');
  await rig.reaches('primary');
  const ids = await redis.lrange('bull:q:wait', 0, -1);
  expect([ids.length, new Set(ids).size]).toEqual([names.length, names.length]);
  expect(rig.told).toMatchObject({ trouble: [], duplicate: [], undeliverable: [] });
  await redis.quit();
});
