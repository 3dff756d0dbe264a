import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Job, Queue, Worker } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { checkInvariants } from '../../../test/sqlite-faults/invariants.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { createSqliteBackend } from './index.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function lab() {
  const file = join(tempDir('regressions'), 'q.db');
  const connection = { file } as never;
  const queue = new Queue('jobs', { connection }, createSqliteBackend as never);
  const worker = new Worker('jobs', null, { connection, autorun: false }, createSqliteBackend as never);
  open.push(queue, worker);
  return { file, queue, worker };
}

async function take(worker: Worker): Promise<Job> {
  const job = await worker.getNextJob('t', { block: false });
  if (!job) throw new Error('nothing to claim');
  return job as Job;
}

describe('jobs', () => {
  it('removed as they complete take their log lines along', async () => {
    const { file, queue, worker } = lab();
    await queue.add('logged', {}, { jobId: 'a', removeOnComplete: true });
    await queue.addJobLog('a', 'of the first');
    await (await take(worker)).moveToCompleted(null, 't', false);
    expect(checkInvariants(file)).toEqual([]);
    // The row is free again: who gets it must not inherit them.
    await queue.add('other', {}, { jobId: 'b' });
    expect(await queue.getJobLogs('b')).toEqual({ logs: [], count: 0 });
  });
});

describe('de-duplication', () => {
  // As a webhook's delivery id does: each key is new, and holds for a while.
  it.each([
    ['in order', (n: number) => `delivery-${String(n).padStart(6, '0')}`],
    ['in no order', (n: number) => `delivery-${(n * 7919) % 10_007}`],
  ])('keys whose time is over leave no rows behind, %s', async (_, id) => {
    const { file, queue } = lab();
    const rows = () => {
      const db = new DatabaseSync(file, { readOnly: true });
      try {
        return db.prepare('SELECT id FROM dedup').all().length;
      } finally {
        db.close();
      }
    };
    await queue.add('lasting', {}, { deduplication: { id: 'delivery-5', ttl: 3_600_000 } });
    for (let bulk = 0; bulk < 20; bulk++) {
      const jobs = Array.from({ length: 50 }, (_each, at) => ({
        name: 'job',
        data: {},
        opts: { deduplication: { id: id(bulk * 50 + at + 10), ttl: 1 } },
      }));
      await queue.addBulk(jobs);
    }
    expect(rows()).toBeLessThan(250);
    expect(await queue.getDeduplicationJobId('delivery-5')).not.toBeNull();
  });
});

describe('flows', () => {
  it('refuses to cut a job loose that has no parent, with the code of Redis', async () => {
    const { queue } = lab();
    const job = await queue.add('alone', {});
    await expect(job.removeChildDependency()).rejects.toMatchObject({ code: -5 });
  });
});
