import { join } from 'node:path';
import type { JobJson } from 'bullmq';
import { expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { createSqliteBackend, type SqliteQueueBackend } from './index.ts';

/* Jobs of one turn are held back and written many to a statement; nobody may be able to tell. */

async function withBackend(use: (backend: SqliteQueueBackend) => Promise<void>): Promise<void> {
  const connection = { file: join(tempDir('held'), 'q.db') };
  const backend = createSqliteBackend('jobs', { connection } as never) as SqliteQueueBackend;
  await backend.waitUntilReady();
  try {
    await use(backend);
  } finally {
    await backend.close();
  }
}

const job = (n: number, opts: JobJson['opts'] = {}): JobJson =>
  ({ name: `job ${n}`, data: `{"n":${n}}`, opts, timestamp: 1000 + n, delay: opts.delay ?? 0 }) as JobJson;

/** The jobs that wait, the next first. */
const inOrder = async (backend: SqliteQueueBackend): Promise<string[]> =>
  (await backend.getRanges(['wait'], 0, -1)).flat().reverse();
const byScore = async (backend: SqliteQueueBackend, state: 'prioritized' | 'delayed') =>
  (await backend.getRanges([state], 0, -1, true)).flat();

it.each([1, 3, 4, 5, 15, 16, 17, 21, 255, 256, 257, 300])(
  'writes %i jobs of one turn, in their order',
  count =>
    withBackend(async backend => {
      const ids = await Promise.all(Array.from({ length: count }, (_, n) => backend.addJob(job(n), '')));
      expect(ids).toEqual(Array.from({ length: count }, (_, n) => String(n + 1)));
      expect(await inOrder(backend)).toEqual(ids);
      const last = await backend.getJobData(String(count));
      expect(last).toMatchObject({
        name: `job ${count - 1}`,
        data: `{"n":${count - 1}}`,
        timestamp: 999 + count,
      });
    }),
);

it('goes on to the next number when somebody has named a job with one', () =>
  withBackend(async backend => {
    await backend.addJob(job(0), '3');
    const ids = await Promise.all([1, 2, 3, 4].map(n => backend.addJob(job(n), '')));
    expect(new Set([...ids, '3']).size).toBe(5);
    expect((await inOrder(backend)).length).toBe(5);
    expect(await backend.getJobData('3')).toMatchObject({ name: 'job 0' });
  }));

it('so does a bulk of one call, and a job that comes alone', () =>
  withBackend(async backend => {
    await backend.addJob(job(0), '2');
    const bulk = await backend.addJobs([1, 2, 3].map(n => ({ job: job(n), jobId: '' })));
    const next = String(Number(bulk.at(-1)) + 1);
    await backend.addJob(job(4), next);
    const alone = await backend.addJob(job(5), '');
    const all = [...bulk, '2', next, alone];
    expect(new Set(all).size).toBe(6);
    expect((await inOrder(backend)).sort()).toEqual(all.sort());
  }));

it('what looks at the jobs in the same turn sees those added before it, and not those after', () =>
  withBackend(async backend => {
    const [, seen, , claimed, , counts] = await Promise.all([
      backend.addJob(job(1), ''),
      backend.getJobData('1'),
      backend.addJob(job(2), ''),
      backend.moveToActive('token'),
      backend.addJob(job(3), ''),
      backend.getCounts(['wait', 'active']),
    ]);
    expect(seen).toMatchObject({ name: 'job 1' });
    expect(claimed?.[1]).toBe('1');
    expect(counts).toEqual([2, 1]);
  }));

it('keeps the order among jobs of all kinds that one turn adds', () =>
  withBackend(async backend => {
    const ids = await Promise.all([
      backend.addJob(job(1), ''),
      backend.addJob(job(2, { priority: 2 }), ''),
      backend.addJob(job(3), 'named'),
      backend.addJob(job(4, { delay: 60_000 }), ''),
      backend.addJob(job(5, { lifo: true }), ''),
      backend.addJob(job(6, { priority: 1 }), ''),
      backend.addJob(job(7), ''),
    ]);
    expect(ids).toEqual(['1', '2', 'named', '4', '5', '6', '7']);
    expect(await inOrder(backend)).toEqual(['5', '1', 'named', '7']);
    expect(await byScore(backend, 'prioritized')).toEqual(['6', '2']);
    expect(await byScore(backend, 'delayed')).toEqual(['4']);
  }));

it('a text too long for the row, and one with a NUL, are what they were', () =>
  withBackend(async backend => {
    const long = JSON.stringify('x'.repeat(5000));
    const odd = 'na\u0000me \u001a';
    await Promise.all([
      backend.addJob(job(1), ''),
      backend.addJob({ ...job(2), data: long }, ''),
      backend.addJob({ ...job(3), name: odd }, ''),
    ]);
    expect((await backend.getJobData('2'))?.data).toBe(long);
    expect((await backend.getJobData('3'))?.name).toBe(odd);
  }));
