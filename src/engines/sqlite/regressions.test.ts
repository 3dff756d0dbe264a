import { join } from 'node:path';
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

describe('flows', () => {
  it('refuses to cut a job loose that has no parent, with the code of Redis', async () => {
    const { queue } = lab();
    const job = await queue.add('alone', {});
    await expect(job.removeChildDependency()).rejects.toMatchObject({ code: -5 });
  });
});
