import { once } from 'node:events';
import { join } from 'node:path';
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { createSqliteBackend } from './index.ts';

const opened: { close(): Promise<unknown> }[] = [];
function own<T extends { close(): Promise<unknown> }>(object: T): T {
  opened.unshift(object);
  return object;
}
afterEach(async () => {
  for (const object of opened.splice(0)) await object.close();
});

function lab() {
  const connection = { file: join(tempDir('disconnect'), 'q.db') };
  return {
    queue: () => own(new Queue('jobs', { connection }, createSqliteBackend)),
    flow: () => own(new FlowProducer({ connection }, createSqliteBackend)),
    worker: (run: () => Promise<void>) =>
      own(new Worker('jobs', run, { connection, drainDelay: 0.05 }, createSqliteBackend)),
    events: (autorun = true) =>
      own(new QueueEvents('jobs', { connection, autorun, blockingTimeout: 50 }, createSqliteBackend)),
  };
}

/** How often each of `names` was heard. */
function count(it: { on(name: never, hear: () => void): unknown }, ...names: string[]) {
  const heard: Record<string, number> = Object.fromEntries(names.map(name => [name, 0]));
  for (const name of names) it.on(name as never, () => (heard[name] = (heard[name] ?? 0) + 1));
  return heard;
}

describe('as on Redis, after disconnect()', () => {
  it('a queue refuses, and has said so once', async () => {
    const queue = lab().queue();
    const heard = count(queue, 'ioredis:close', 'error');
    await queue.waitUntilReady();
    await queue.disconnect();
    await queue.disconnect();
    expect(heard).toEqual({ 'ioredis:close': 1, error: 0 });
    await expect(queue.add('a', {})).rejects.toThrow('Connection is closed.');
    await expect(queue.getJobCounts()).rejects.toThrow('Connection is closed.');
  });

  it('a flow producer refuses', async () => {
    const { flow, queue } = lab();
    const producer = flow();
    await producer.disconnect();
    const children = Array.from({ length: 600 }, () => ({ name: 'c', queueName: 'jobs' }));
    for (const tree of [
      { name: 'p', queueName: 'jobs' },
      { name: 'p', queueName: 'jobs', children },
    ])
      await expect(producer.add(tree)).rejects.toThrow('Connection is closed.');
    expect(await queue().count()).toBe(0);
  });

  it('others on the file go on, a worker without a connection takes nothing', async () => {
    const { queue, worker } = lab();
    const took: string[] = [];
    const away = worker(async () => void took.push('away'));
    await away.waitUntilReady();
    await away.disconnect();
    const here = worker(async () => void took.push('here'));
    const done = once(here, 'completed');
    await queue().add('a', {});
    await done;
    expect(took).toEqual(['here']);
    // It waits for BullMQ's runRetryDelay else.
    await away.close(true);
  });

  it('a reader of events waits, and does not hold the event loop', async () => {
    const { events } = lab();
    const reader = events();
    const heard = count(reader, 'ioredis:close', 'error');
    await reader.waitUntilReady();
    await reader.disconnect();
    // A reader that asked again at once would never let a timer or an immediate come.
    await new Promise(resolve => setImmediate(resolve));
    expect(heard).toEqual({ 'ioredis:close': 1, error: 0 });
    await reader.close();
  });
});

describe('a reader of events', () => {
  it('that closes does not say that its connection was lost', async () => {
    const reader = lab().events();
    await reader.waitUntilReady();
    const heard = count(reader, 'ioredis:close', 'error');
    await reader.close();
    expect(heard).toEqual({ 'ioredis:close': 0, error: 0 });
  });

  it('that is told to run later hears from then on', async () => {
    const { events, queue } = lab();
    const reader = events(false);
    await reader.waitUntilReady();
    const jobs = queue();
    await jobs.add('before', {}, { jobId: 'before' });
    const heard: string[] = [];
    reader.on('added', ({ jobId }) => heard.push(jobId));
    const added = once(reader, 'added');
    reader.run().catch(() => undefined);
    await jobs.add('after', {}, { jobId: 'after' });
    await added;
    expect(heard).toEqual(['after']);
  });
});
