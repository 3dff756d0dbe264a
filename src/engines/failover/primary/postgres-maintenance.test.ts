import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { startPostgres } from '../../../../test/servers/index.ts';
import { systemClock } from '../../../shared/clock.ts';
import type { TakenJob } from '../../sqlite/index.ts';
import { withListeners } from './postgres.ts';
import { PostgresPrimary } from './postgres-primary.ts';
import { UnitsRefused } from './primary.ts';

async function start() {
  const postgres = await startPostgres();
  const options = { connectionString: postgres.url, migrate: true };
  const maintenance = new PostgresPrimary(withListeners(options), 'bull').openMaintenance(5_000);
  const client = new pg.Client(postgres.url);
  onTestFinished(async () => {
    postgres.resume();
    await client.end();
    await maintenance.close();
    await postgres.stop();
  });
  const health = await maintenance.check();
  if (!health.ok) throw new Error(health.message);
  await client.connect();
  await client.query('SET search_path TO bullmq');
  const rows = async (sql: string) => (await client.query(sql)).rows;
  return { postgres, maintenance, rows };
}

function taken(id: string, given: Partial<TakenJob> = {}): TakenJob {
  const job = { id, name: id, data: '{}', opts: { attempts: 3 }, timestamp: 1_000, attemptsMade: 1 };
  return {
    ...{ queue: 'bull:q', id, state: 'waiting', due: null, front: false, dedup: null, logs: [], score: 0 },
    job: job as never,
    ...given,
  };
}

const alone = (...jobs: TakenJob[]) => jobs.map(job => ({ jobs: [job] }));

it('a batch is added once, whole, in its order, and tells the listeners nothing', async () => {
  const { maintenance, rows } = await start();
  await maintenance.queue('bull:q').publishEvent({ event: 'heard' }, 100);
  const batch = alone(taken('1'), taken('2', { logs: ['a', 'b'] }), taken('3', { front: true }));
  expect(await maintenance.addBatch('x:1', batch)).toEqual({ added: 3, duplicates: [] });
  expect(await maintenance.addBatch('x:1', batch)).toEqual({ added: 0, duplicates: [] });
  await maintenance.forgetBatch('x:1');
  expect(await maintenance.addBatch('x:1', batch)).toEqual({ added: 0, duplicates: [] });
  expect(await rows('SELECT id, attempts_made AS made FROM job ORDER BY seq')).toEqual([
    { id: '3', made: 1 },
    { id: '1', made: 1 },
    { id: '2', made: 1 },
  ]);
  expect(await rows('SELECT event FROM event')).toEqual([{ event: 'heard' }]);
  expect((await maintenance.queue('bull:q').getJobLogs('2', 0, -1, true)).logs).toEqual(['a', 'b']);
});

it('the job that is there stands, also one that another stands for, and is told', async () => {
  const { maintenance, rows } = await start();
  const queue = maintenance.queue('bull:q');
  const opts = { deduplication: { id: 'd' } };
  const add = { name: 'first', data: '{}', opts, timestamp: 1, attemptsMade: 0, deduplicationId: 'd' };
  await queue.addJob(add as never, 'first', {});
  await queue.addJob({ ...add, opts: {}, deduplicationId: undefined } as never, 'known', {});
  const job = { ...taken('second').job, opts, deduplicationId: 'd' };
  const second = taken('second', { job, dedup: { id: 'd', until: null } });
  const free = taken('free', { job: { ...job, id: 'free' } });
  const report = await maintenance.addBatch('x:1', alone(taken('known'), second, free));
  expect(report).toEqual({
    added: 1,
    duplicates: [
      { queue: 'bull:q', job: 'known' },
      { queue: 'bull:q', job: 'second' },
    ],
  });
  // One that has lost its key to another is still known to have had it.
  expect(await rows('SELECT id, dedup_id AS dedup, attempts_made AS made FROM job ORDER BY seq')).toEqual([
    { id: 'first', dedup: 'd', made: 0 },
    { id: 'known', dedup: null, made: 0 },
    { id: 'free', dedup: 'd', made: 1 },
  ]);
});

it('a scheduler keeps the time of the run it has planned: now when it is due, else in its own slot', async () => {
  const { maintenance, rows } = await start();
  const hour = 3_600_000;
  const first = systemClock.now() - 60_000;
  const scheduler = (id: string, next: number) => {
    const repeat = { name: id, every: hour, offset: first % hour };
    const given = { queue: 'bull:q', id, next, iterations: 1, data: '{}', templateOpts: {}, fields: {} };
    return { ...given, repeat: repeat as never, jobOpts: { repeat } as never };
  };
  const planned = taken('later', { state: 'delayed', due: first + hour });
  await maintenance.addBatch('x:1', [
    { jobs: [taken('due')], scheduler: scheduler('due', first) },
    { jobs: [planned], scheduler: scheduler('later', first + hour) },
  ]);
  expect(await rows('SELECT scheduler_id AS scheduler, state FROM job ORDER BY seq')).toEqual([
    { scheduler: 'due', state: 'waiting' },
    { scheduler: 'later', state: 'delayed' },
  ]);
  const next = await maintenance.queue('bull:q').getJobScheduler('later');
  expect(next[1]).toBe(String(first + hour));
});

it('a batch with a job that PostgreSQL refuses adds none of them, and tells which', async () => {
  const { maintenance, rows } = await start();
  // JSON that its jsonb has no place for.
  const odd = taken('2', { job: { ...taken('2').job, data: '{"a":"\\u0000"}' } });
  const batch = alone(taken('1'), odd, taken('3'));
  const refusal = await maintenance.addBatch('x:1', batch).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(UnitsRefused);
  expect([...(refusal as UnitsRefused).units.keys()]).toEqual([batch[1]]);
  expect(await rows('SELECT id FROM job')).toEqual([]);
  expect(await maintenance.addBatch('x:1', alone(taken('1')))).toMatchObject({ added: 1 });
});

it('a server that hangs in the middle of a batch ends it with its connection, and it is added when it goes on', async () => {
  const { postgres, maintenance, rows } = await start();
  const many = alone(...Array.from({ length: 200 }, (_, n) => taken(`${n}`)));
  const added = maintenance.addBatch('x:1', many).catch((error: Error) => error.message);
  await maintenance.present('bull:q', ['none']);
  postgres.pause();
  await maintenance.close();
  const outcome = await added;
  postgres.resume();
  const again = new PostgresPrimary(withListeners(postgres.url), 'bull').openMaintenance(5_000);
  try {
    await again.addBatch('x:1', many);
    expect((await rows('SELECT id FROM job')).length).toBe(200);
    // Unless it was faster than the hang.
    expect(['Connection is closed.', { added: 200, duplicates: [] }]).toContainEqual(outcome);
  } finally {
    await again.close();
  }
});

it('a waiting or delayed job is taken back into work, and claims are found by their token', async () => {
  const { maintenance, rows } = await start();
  const delayed = taken('2', { state: 'delayed', due: systemClock.now() + 60_000 });
  await maintenance.addBatch('x:1', alone(taken('1'), delayed));
  expect(await maintenance.queue('bull:q').getState('2')).toBe('delayed');
  const [claimed] = await maintenance.queue('bull:q').moveToActive('t', undefined);
  expect(claimed).toMatchObject({ id: '1', attemptsMade: 1 });
  expect(await maintenance.claimedWith('bull:q', new Set(['t', 'u']))).toEqual([{ id: '1', token: 't' }]);
  expect(await maintenance.reclaim('bull:q', '1')).toBe(false);
  expect(await maintenance.reclaim('bull:q', '2')).toBe(true);
  expect(await rows("SELECT id FROM job WHERE state = 'active' ORDER BY id")).toEqual([
    { id: '1' },
    { id: '2' },
  ]);
  expect(await maintenance.reclaim('bull:q', 'none')).toBe(false);
});

it('a window of de-duplication is opened for what is left of it, unless one is open', async () => {
  const { maintenance, rows } = await start();
  const until = Date.now() + 60_000;
  const key = (id: string, job: string, end: number) => ({ queue: 'bull:q', id, job, until: end });
  expect(await maintenance.openWindows([key('a', '1', until), key('b', '2', Date.now() - 1)])).toBe(true);
  await maintenance.openWindows([key('a', 'late', until + 1), key('b', '3', until)]);
  expect(
    await rows('SELECT dedup_id, job_id, expire_at_ms::text AS until FROM dedup ORDER BY dedup_id'),
  ).toEqual([
    { dedup_id: 'a', job_id: '1', until: String(until) },
    { dedup_id: 'b', job_id: '3', until: String(until) },
  ]);
  const again = {
    name: 'x',
    data: '{}',
    opts: { deduplication: { id: 'a', ttl: 5 } },
    timestamp: Date.now(),
    attemptsMade: 0,
    deduplicationId: 'a',
  };
  expect(await maintenance.queue('bull:q').addJob(again as never, 'new')).toBe('1');
});
