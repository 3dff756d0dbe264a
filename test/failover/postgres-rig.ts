import { join } from 'node:path';
import {
  type BackendFactory,
  type ConnectionOptions,
  FlowProducer,
  type IQueueBackend,
  type Job,
  Queue,
  Worker,
} from 'bullmq';
import type { TestContext } from 'vitest';
import {
  createFailoverBackend,
  type FailoverConnectionOptions,
  failoverOf,
} from '../../src/engines/failover/index.ts';
import { startPostgres } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Runs, until } from './rig.ts';

const factory = createFailoverBackend as unknown as BackendFactory<IQueueBackend, ConnectionOptions>;

/** A queue and a worker on the engine with a real PostgreSQL as its primary. */
export async function onPostgres(
  { onTestFinished }: TestContext,
  run: (job: Job) => Promise<unknown> = async () => undefined,
  /** Long, so that what goes to the standby goes there because of the fault and not because the machine is busy. */
  deadlineMs = 10_000,
) {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const given: FailoverConnectionOptions = {
    postgres: { connectionString: postgres.url, max: 3, migrate: true },
    sqlite: { file: join(tempDir('postgres'), 'standby.db') },
    deadlineMs,
  };
  const connection = given as unknown as ConnectionOptions;
  const runs = new Runs();
  const queue = new Queue('q', { connection }, factory);
  const flow = new FlowProducer({ connection }, factory);
  const process = async (job: Job) => {
    runs.add(job.name);
    return run(job);
  };
  const worker = new Worker('q', process, { connection, concurrency: 5 }, factory);
  for (const it of [queue, worker, flow] as { on(event: 'error', listener: () => void): unknown }[]) {
    it.on('error', () => undefined);
  }
  onTestFinished(async () => {
    postgres.resume();
    await Promise.all([worker.close(), queue.close(), flow.close()]);
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
  return { postgres, queue, flow, worker, engine, runs, add, reaches, ran };
}
