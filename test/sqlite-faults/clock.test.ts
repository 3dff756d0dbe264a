/** Fault 30: the time of day is moved by an hour. Which clock is for what is told in src/engines/sqlite/time.ts. */
import { join } from 'node:path';
import type { Queue } from 'bullmq';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SqliteQueueBackend } from '../../src/engines/sqlite/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { checkInvariants } from './invariants.ts';
import { openBackend, openQueue } from './open.ts';

const HOUR = 3_600_000;
const realNow = Date.now;

let file: string;
let queue: Queue;
let worker: SqliteQueueBackend;
beforeEach(() => {
  file = join(tempDir('clock'), 'q.db');
  queue = openQueue({ file });
  worker = openBackend({ file }, { lockDuration: HOUR / 2, stalledInterval: 1, maxStalledCount: 1 });
});
afterEach(async () => {
  Date.now = realNow;
  await worker.close();
  await queue.close();
  expect(checkInvariants(file)).toEqual([]);
});

function moveClock(hours: number): void {
  Date.now = () => realNow() + hours * HOUR;
}

const idOf = (claimed: unknown[]) => claimed[1];

describe.each([1, -1])('the clock moved by %i hour', hours => {
  it('ends no lock, and lengthens none', async () => {
    await queue.add('work', {});
    const [, id] = await worker.moveToActive('token');
    moveClock(hours);
    // Two checks: the first that sees a job only remembers it.
    for (let check = 0; check < 3; check++) {
      expect(await worker.moveStalledJobsToWait()).toEqual([]);
      await new Promise(resolve => setTimeout(resolve, 2));
    }
    expect(await worker.extendLock(String(id), 'token', HOUR / 2)).toBe(1);
    expect(await worker.extendLock(String(id), 'other', HOUR / 2)).toBe(0);
    const job = { id, opts: {} } as never;
    await worker.moveToCompleted(job, 'done', false, 'token', false);
    expect(await queue.getJobState(String(id))).toBe('completed');
  });

  it('a lock of before that is over is over', async () => {
    const brief = openBackend({ file }, { lockDuration: 1, stalledInterval: 1, maxStalledCount: 1 });
    await queue.add('work', {});
    const [, id] = await brief.moveToActive('token');
    moveClock(hours);
    let stalled: string[] = [];
    while (stalled.length === 0) stalled = await brief.moveStalledJobsToWait();
    expect(stalled).toEqual([id]);
    await brief.close();
  });

  it('neither ends a rate limit nor lengthens it', async () => {
    const limited = openBackend({ file }, { limiter: { max: 1, duration: HOUR / 2 } });
    await queue.addBulk([1, 2].map(() => ({ name: 'work', data: {} })));
    expect(idOf(await limited.moveToActive('a'))).toBe('1');
    moveClock(hours);
    const [job, , ttl] = await limited.moveToActive('b');
    expect(job).toBeNull();
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(HOUR / 2);
    await limited.close();
  });

  it('does not break the order of events', async () => {
    await queue.add('work', {});
    moveClock(hours);
    await queue.add('work', {});
    moveClock(0);
    await queue.add('work', {});
    const read = await worker.readEvents('0-0', 1);
    const cursors = read?.[0]?.[1].map(([cursor]) => cursor.split('-').map(Number)) ?? [];
    expect(cursors.length).toBeGreaterThanOrEqual(6);
    const sorted = [...cursors].sort(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d);
    expect(cursors).toEqual(sorted);
  });
});

describe('a delayed job is due when the time of day says so', () => {
  it('moved forward: at once', async () => {
    const { id } = await queue.add('work', {}, { delay: HOUR / 2 });
    expect(idOf(await worker.moveToActive('token'))).toBe(0);
    moveClock(1);
    expect(idOf(await worker.moveToActive('token'))).toBe(id);
  });

  it('moved back: later, and it is not lost', async () => {
    const { id } = await queue.add('work', {}, { delay: 1 });
    moveClock(-1);
    expect(idOf(await worker.moveToActive('token'))).toBe(0);
    expect(await queue.getJobState(String(id))).toBe('delayed');
    moveClock(1);
    expect(idOf(await worker.moveToActive('token'))).toBe(id);
  });
});
