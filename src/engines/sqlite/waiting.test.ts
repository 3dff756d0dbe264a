import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Queue, type QueueBase } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { startActor } from '../../../test/sqlite-faults/actor.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { createSqliteBackend, type SqliteQueueBackend } from './index.ts';
import { WRITE } from './operation.ts';
import type { Store } from './store.ts';

/** Longer than any test takes: whoever waits this long was not woken. */
const FOR_EVER_S = 3600;

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function newFile() {
  return join(tempDir('waiting'), 'q.db');
}

function openQueue(file: string) {
  const queue = new Queue('jobs', { connection: { file } as never }, createSqliteBackend as never);
  open.push(queue);
  return queue;
}

function openWaiter(file: string, queueName = 'jobs'): SqliteQueueBackend {
  const options = { connection: { file } } as unknown as QueueBase['opts'];
  const backend = createSqliteBackend(queueName, options as never, { withBlockingConnection: true });
  backend.on('error', () => undefined);
  open.push(backend);
  return backend;
}

const ADD_ONE = `
  import { Queue } from 'bullmq';
  import { createSqliteBackend } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
  const queue = new Queue('jobs', { connection: { file: process.argv[1] } }, createSqliteBackend);
  await queue.add('work', {});
  await queue.close();
`;

/** Adds a job in another process, while this one stands still. */
function addElsewhere(file: string): void {
  execFileSync(process.execPath, ['--input-type=module', '-e', ADD_ONE, file], { cwd: import.meta.dirname });
}

describe('waiting for a job', () => {
  it('ends when one is added in this process, at once when one is there', async () => {
    const file = newFile();
    const [queue, waiter] = [openQueue(file), openWaiter(file)];
    const waiting = waiter.waitForJob(FOR_EVER_S);
    await queue.getJobCounts();
    await queue.add('work', {});
    expect(await waiting).toEqual({ member: '0', score: 0 });
    expect(await waiter.waitForJob(FOR_EVER_S)).toEqual({ member: '0', score: 0 });
  });

  it('ends when another process adds one', async () => {
    const file = newFile();
    const waiter = openWaiter(file);
    await waiter.waitUntilReady();
    await using producer = await startActor({ file });
    const waiting = waiter.waitForJob(FOR_EVER_S);
    await producer.ask({ do: 'add' });
    expect(await waiting).toEqual({ member: '0', score: 0 });
  });

  it('ends also when another operation of this process saw the other process’ commit first', async () => {
    const file = newFile();
    const [queue, waiter] = [openQueue(file), openWaiter(file)];
    const waiting = waiter.waitForJob(FOR_EVER_S);
    await queue.getJobCounts();
    addElsewhere(file);
    // This look comes before the watch on the file has had its say.
    expect(await queue.getWaitingCount()).toBe(1);
    expect(await waiting).toEqual({ member: '0', score: 0 });
  });

  it('ends also when the commit was seen by a write, in a queue of its own', async () => {
    const file = newFile();
    const [queue, waiter] = [openQueue(file), openWaiter(file)];
    const other = new Queue('other', { connection: { file } as never }, createSqliteBackend as never);
    open.push(other);
    const waiting = waiter.waitForJob(FOR_EVER_S);
    await queue.getJobCounts();
    addElsewhere(file);
    await other.add('work', {});
    expect(await waiting).toEqual({ member: '0', score: 0 });
  });

  it('is not ended by a job of another queue', async () => {
    const file = newFile();
    const [queue, waiter] = [openQueue(file), openWaiter(file, 'quiet')];
    const waiting = waiter.waitForJob(FOR_EVER_S);
    await queue.add('work', {});
    let ended = false;
    void waiting.then(() => {
      ended = true;
    });
    for (let look = 0; look < 10; look++) await queue.getJobCounts();
    expect(ended).toBe(false);
    await waiter.disconnectBlocking();
    expect(await waiting).toBeNull();
  });

  it('is over with null when the time is up, or on close', async () => {
    const file = newFile();
    openQueue(file);
    const waiter = openWaiter(file);
    expect(await waiter.waitForJob(0.001)).toBeNull();
    const waiting = waiter.waitForJob(FOR_EVER_S);
    await waiter.close();
    expect(await waiting).toBeNull();
  });
});

describe('a wait whose batch is undone', () => {
  const fail = () => {
    throw new TypeError('a bug');
  };

  it('leaves nothing behind that hears of a delayed job in place of the next wait', async () => {
    const file = newFile();
    const queue = openQueue(file);
    const waiter = openWaiter(file);
    await waiter.waitUntilReady();
    const store = (waiter as unknown as { store: Store }).store;
    // It looks in a batch that fails, and once more after that.
    const nothing = waiter.waitForJob(0.05);
    expect(await store.run(WRITE, fail).catch(() => 'failed')).toBe('failed');
    expect(await nothing).toBeNull();
    await queue.add('later', {}, { delay: 60_000 });
    expect(await waiter.waitForJob(1)).toMatchObject({ member: '1' });
  });
});
