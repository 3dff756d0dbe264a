/** Jobs nobody expected: large, odd, impossible. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { JobsOptions, Queue } from 'bullmq';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SqliteQueueBackend } from '../../src/engines/sqlite/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { checkInvariants } from './invariants.ts';
import { openBackend, openQueue } from './open.ts';

let file: string;
let queue: Queue;
let worker: SqliteQueueBackend;
beforeEach(() => {
  file = join(tempDir('bad-jobs'), 'q.db');
  queue = openQueue({ file });
  worker = openBackend({ file });
});
afterEach(async () => {
  await worker.close();
  await queue.close();
  expect(checkInvariants(file)).toEqual([]);
});

describe('numbers no one can mean', () => {
  it.each<[string, JobsOptions]>([
    ['delay NaN', { delay: Number.NaN }],
    ['delay Infinity', { delay: Number.POSITIVE_INFINITY }],
    ['delay -Infinity', { delay: Number.NEGATIVE_INFINITY }],
    ['delay text', { delay: 'soon' as never }],
    ['timestamp Infinity', { timestamp: Number.POSITIVE_INFINITY }],
    ['priority -1', { priority: -1 }],
    ['priority 1.5', { priority: 1.5 }],
    ['priority 2^21', { priority: 2 ** 21 }],
    ['priority Infinity', { priority: Number.POSITIVE_INFINITY }],
    ['priority NaN', { priority: Number.NaN }],
  ])('%s: refused, alone and in bulk, and nothing is stored', async (_what, opts) => {
    await expect(queue.add('work', {}, opts)).rejects.toThrow(/delay|priority|timestamp/i);
    const bulk = [
      { name: 'good', data: {} },
      { name: 'bad', data: {}, opts },
    ];
    await expect(queue.addBulk(bulk)).rejects.toThrow();
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 0, prioritized: 0 });
  });

  it.each<[string, JobsOptions, string]>([
    ['a negative delay', { delay: -5 }, 'waiting'],
    ['a delay of half a ms', { delay: 0.5 }, 'delayed'],
    ['a delay of a million years', { delay: 3e16 }, 'delayed'],
    ['the largest delay there is', { delay: Number.MAX_VALUE }, 'delayed'],
    ['the highest priority number', { priority: 2 ** 21 - 1 }, 'prioritized'],
    ['a timestamp before 1970', { timestamp: -1 }, 'waiting'],
    // BullMQ takes it for "now".
    ['a timestamp NaN', { timestamp: Number.NaN }, 'waiting'],
  ])('%s is taken, and breaks nothing', async (_what, opts, state) => {
    const { id = '' } = await queue.add('work', {}, opts);
    expect(await queue.getJobState(id)).toBe(state);
    expect(await queue.getJob(id)).toMatchObject({ id });
    await queue.add('next', {});
    const [claimed] = await worker.moveToActive('token');
    expect(claimed).not.toBeNull();
  });
});

describe('ids', () => {
  const ids = [
    'plain',
    'with spaces and\ttabs',
    '100%',
    "it's",
    '"quoted"',
    'back\\slash',
    'semi;colon -- DROP TABLE job',
    '🚰 ünïcödé',
    '%_*?[a-z]',
    '__proto__',
    'constructor',
    '007',
    '-1',
    '1.5',
    '1e3',
    '12345678901234',
    '99999999999999999999999999',
    'a\u0000b',
    'line\nbreak',
    'x'.repeat(10_000),
  ];

  it('of any characters are kept apart, found, claimed and finished', async () => {
    const accepted: string[] = [];
    for (const id of ids) {
      // BullMQ refuses some itself (whole numbers, colons).
      const added = await queue.add('work', { id }, { jobId: id }).catch(() => undefined);
      if (added !== undefined) accepted.push(id);
    }
    expect(accepted.length).toBeGreaterThan(15);
    expect(await queue.getWaitingCount()).toBe(accepted.length);
    for (const id of accepted) expect((await queue.getJob(id))?.data, id.slice(0, 30)).toEqual({ id });
    for (const id of accepted) {
      const [, claimed] = await worker.moveToActive('token');
      expect(claimed).toBe(id);
      await worker.moveToCompleted({ id, opts: {} } as never, { id }, false, 'token', false);
      expect(await queue.getJobState(id)).toBe('completed');
      expect((await queue.getJob(id))?.returnvalue).toEqual({ id });
    }
    for (const id of accepted) expect(await queue.remove(id)).toBe(1);
    expect(await queue.getJobCounts()).toMatchObject({ completed: 0, waiting: 0 });
  });

  it('given twice are one job', async () => {
    for (const id of ['007', 'a\u0000b', '🚰']) {
      await queue.add('first', 1, { jobId: id });
      await queue.add('second', 2, { jobId: id });
      expect((await queue.getJob(id))?.name).toBe('first');
    }
    expect(await queue.getWaitingCount()).toBe(3);
  });
});

describe('texts', () => {
  const odd = 'zero \u0000 in the middle, a lone \ud800 surrogate, \u2028, \ufeff, 🚰, \r\n, \u001b[31m';

  it('in data, return values, progress and names come back as they were', async () => {
    const { id = '' } = await queue.add('name \u0000 with a zero', {
      odd,
      __proto__: null,
      list: [odd, null],
    });
    await worker.moveToActive('token');
    await worker.updateProgress(id, { odd });
    await worker.moveToCompleted({ id, opts: {} } as never, { odd }, false, 'token', false);
    const job = await queue.getJob(id);
    expect(job?.name).toBe('name \u0000 with a zero');
    expect(job?.data).toEqual({ odd, list: [odd, null] });
    expect(job?.progress).toEqual({ odd });
    expect(job?.returnvalue).toEqual({ odd });
  });

  it('in reasons of failure, logs and events come back as they were', async () => {
    const text = odd.replace('\ud800', '');
    const { id = '' } = await queue.add('work', {});
    await worker.moveToActive('token');
    await worker.addLog(id, text);
    await worker.moveToFailed({ id, opts: {} } as never, text, false, 'token', false, { failedReason: text });
    expect((await queue.getJob(id))?.failedReason).toBe(text);
    expect((await queue.getJobLogs(id)).logs).toEqual([text]);
    const events = await worker.readEvents('0-0', 1);
    const failed = events?.[0]?.[1].map(([, fields]) => fields).find(fields => fields[1] === 'failed');
    expect(failed).toContain(text);
  });

  it('__proto__ in data is inert', async () => {
    const { id = '' } = await queue.add('work', JSON.parse('{"__proto__": {"polluted": true}}'));
    await queue.getJob(id);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('a payload of 5 MB', () => {
  /** Pages written to the log since it was last folded in. */
  function logFrames(db: DatabaseSync): number {
    return Number(db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.log);
  }

  it('is stored, read back, and not written again at each change of state', async () => {
    const data = { text: 'p'.repeat(5 * 1024 * 1024) };
    const { id = '' } = await queue.add('large', data);
    const db = new DatabaseSync(file);
    expect(logFrames(db)).toBeGreaterThanOrEqual(0);
    // The log is folded in: the next write starts it over.
    const [claimed] = await worker.moveToActive('token');
    expect((claimed as { data: string }).data).toHaveLength(JSON.stringify(data).length);
    await worker.updateProgress(id, 50);
    await worker.extendLock(id, 'token', 30_000);
    await worker.moveToDelayed(id, Date.now(), 0, 'token');
    await worker.moveToActive('token');
    await worker.moveToCompleted({ id, opts: {} } as never, 'done', false, 'token', false);
    // 5 MB are 1280 pages.
    expect(logFrames(db)).toBeLessThan(200);
    db.close();
    expect((await queue.getJob(id))?.data).toEqual(data);
    await queue.remove(id);
    expect(await queue.getJob(id)).toBeUndefined();
  });
});
