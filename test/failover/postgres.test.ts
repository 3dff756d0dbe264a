import { join } from 'node:path';
import { Queue, type QueueOptions, Worker, type WorkerOptions } from 'bullmq';
import { describe, expect, it, type TestContext } from 'vitest';
import { createFailoverBackend, failoverOf } from '../../src/engines/failover/index.ts';
import { startPostgres } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Runs, until } from './rig.ts';

/** A queue and a worker on the engine with a real PostgreSQL as its primary. */
async function onPostgres({ onTestFinished }: TestContext) {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const connection = {
    postgres: { connectionString: postgres.url, max: 3, migrate: true },
    sqlite: { file: join(tempDir('postgres'), 'standby.db') },
  };
  const factory = createFailoverBackend as never;
  const runs = new Runs();
  const queue = new Queue('q', { connection } as unknown as QueueOptions, factory);
  const worker = new Worker(
    'q',
    async ({ name }) => runs.add(name),
    { connection, concurrency: 5 } as unknown as WorkerOptions,
    factory,
  );
  for (const it of [queue, worker] as { on(event: 'error', listener: () => void): unknown }[]) {
    it.on('error', () => undefined);
  }
  onTestFinished(async () => {
    postgres.resume();
    await Promise.all([worker.close(), queue.close()]);
  });
  const engine = failoverOf(queue as never);
  const add = (what: string) =>
    queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: `${what}-${n}`, data: {} })));
  const reaches = (state: string) =>
    until(
      () => engine.state === state,
      state,
      () => engine.status(),
    );
  const ran = (count: number) =>
    until(
      () => runs.count >= count,
      `${count} jobs`,
      () => [runs.count, engine.status()],
    );
  return { postgres, queue, engine, runs, add, reaches, ran };
}

describe.concurrent('the engine', () => {
  it('a PostgreSQL that hangs is replaced within the deadline, and used again when it goes on', async context => {
    const { postgres, engine, runs, add, reaches, ran } = await onPostgres(context);
    await add('before');
    await ran(20);
    postgres.pause();
    await add('meanwhile');
    await ran(40);
    expect(engine.state).toBe('standby');
    postgres.resume();
    await reaches('primary');
    await add('after');
    await until(
      () => runs.distinct === 60,
      'all jobs',
      () => engine.status(),
    );
    expect(runs.count).toBe(60 + engine.status().duplicates);
  });

  it('a PostgreSQL that is restarted takes leave of all its connections, and none of them ends the process', async context => {
    const { postgres, queue, engine, runs, add, reaches, ran } = await onPostgres(context);
    await add('before');
    await ran(20);
    const restarted = postgres.restart();
    await add('meanwhile');
    await ran(40);

    await restarted;
    await reaches('primary');
    await add('after');
    await ran(60);
    expect(runs.distinct).toBe(60);
    const open = async () => Object.values(await queue.getJobCounts('waiting', 'active', 'failed'));
    await until(
      async () => (await open()).every(jobs => jobs === 0),
      'all of them to be done with',
      () => engine.status(),
    );
  });
});
