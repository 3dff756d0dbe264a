import { join } from 'node:path';
import { FlowProducer, Queue, QueueEvents, setDefaultBackendFactory, Worker, withBackend } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { createSqliteBackend } from './index.ts';

interface Closable {
  close(): Promise<void>;
}
const opened: Closable[] = [];
function own<T extends Closable>(object: T): T {
  opened.unshift(object);
  return object;
}
afterEach(async () => {
  for (const object of opened.splice(0)) await object.close();
});

const fixture = join(import.meta.dirname, '../../../test/fixtures/sandboxed.cjs');

describe('the three ways BullMQ takes a backend', () => {
  it('as the last argument of a constructor', async () => {
    const connection = { file: join(await tempDir(), 'q.db') };
    const queue = own(new Queue('mail', { connection }, createSqliteBackend));
    const job = await queue.add('hello', { to: 'you' });
    expect((await queue.getJob(job.id ?? ''))?.data).toEqual({ to: 'you' });
  });

  it('through withBackend', async () => {
    const connection = { file: join(await tempDir(), 'q.db') };
    const sqlite = withBackend(createSqliteBackend);
    const queue = own(new sqlite.Queue<{ n: number }, number>('sums', { connection }));
    const events = own(new sqlite.QueueEvents('sums', { connection }));
    await events.waitUntilReady();
    own(new sqlite.Worker<{ n: number }, number>('sums', async job => job.data.n + 1, { connection }));
    const job = await queue.add('sum', { n: 41 });
    expect(await job.waitUntilFinished(events)).toBe(42);
  });

  it('through setDefaultBackendFactory, for objects made without one', async () => {
    const connection = { file: join(await tempDir(), 'q.db') } as never;
    setDefaultBackendFactory(createSqliteBackend as never);
    try {
      const events = own(new QueueEvents('parents', { connection }));
      await events.waitUntilReady();
      own(new Worker('children', async () => 'child', { connection }));
      own(new Worker('parents', async job => Object.values(await job.getChildrenValues()), { connection }));
      const flow = own(new FlowProducer({ connection }));
      const tree = await flow.add({
        name: 'p',
        queueName: 'parents',
        children: [{ name: 'c', queueName: 'children' }],
      });
      expect(await tree.job.waitUntilFinished(events)).toEqual(['child']);
    } finally {
      setDefaultBackendFactory();
    }
  });
});

describe.each([
  ['a child process', false],
  ['a worker thread', true],
])('a sandboxed processor in %s', (_, useWorkerThreads) => {
  it('returns its value, progress and log', async () => {
    const connection = { file: join(await tempDir(), 'q.db') };
    const queue = own(new Queue('boxed', { connection }, createSqliteBackend));
    const events = own(new QueueEvents('boxed', { connection }, createSqliteBackend));
    await events.waitUntilReady();
    own(new Worker('boxed', fixture, { connection, useWorkerThreads }, createSqliteBackend));
    const job = await queue.add('double', { n: 21, pid: process.pid });
    expect(await job.waitUntilFinished(events)).toEqual({ doubled: 42, sameProcess: useWorkerThreads });
    expect((await queue.getJob(job.id ?? ''))?.progress).toBe(50);
    expect((await queue.getJobLogs(job.id ?? '')).logs).toHaveLength(1);
  });

  it('reports its failure', async () => {
    const connection = { file: join(await tempDir(), 'q.db') };
    const queue = own(new Queue('boxed', { connection }, createSqliteBackend));
    const events = own(new QueueEvents('boxed', { connection }, createSqliteBackend));
    await events.waitUntilReady();
    own(new Worker('boxed', fixture, { connection, useWorkerThreads }, createSqliteBackend));
    const job = await queue.add('fail', { fail: true });
    await expect(job.waitUntilFinished(events)).rejects.toThrow('sandboxed failure');
  });
});

describe('manual processing', () => {
  it('hands out jobs one by one to a worker without a processor', async () => {
    const connection = { file: join(await tempDir(), 'q.db') };
    const queue = own(new Queue('manual', { connection }, createSqliteBackend));
    const worker = own(new Worker('manual', undefined, { connection }, createSqliteBackend));
    await queue.addBulk([1, 2].map(n => ({ name: 'job', data: { n } })));
    const first = await worker.getNextJob('token');
    expect(first?.data).toEqual({ n: 1 });
    const next = await first?.moveToCompleted('done', 'token');
    expect(next?.[1]).toBe('2');
    const second = await queue.getJob('2');
    await second?.moveToFailed(new Error('no'), 'token');
    expect(await queue.getJobCounts('completed', 'failed', 'active', 'waiting')).toEqual({
      completed: 1,
      failed: 1,
      active: 0,
      waiting: 0,
    });
  });
});

it('lists a worker once, whatever is in its name', async () => {
  const connection = { file: join(tempDir(), 'q.db') };
  const queue = own(new Queue('named', { connection }, createSqliteBackend));
  const client = queue.getBackend().clientName();
  const name = `odd ${client}\nname=${client}:w:fake`;
  const worker = own(new Worker('named', async () => 1, { connection, name }, createSqliteBackend));
  await worker.waitUntilReady();
  expect(await queue.getWorkers()).toHaveLength(1);
});
