/** Jobs that run twice because of something the process that had them has not noticed: they are counted all the same. */
import { join } from 'node:path';
import { type BackendFactory, type ConnectionOptions, type IQueueBackend, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { failoverFactory, failoverOf } from '../../src/engines/failover/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { PATIENT, Rig, Runs, until } from './rig.ts';

/**
 * A worker on another machine, which looks after Redis once an hour: what happens to it it learns from its calls alone. With
 * `file` that of the rig it is another process of the same machine.
 */
async function elsewhere(rig: Rig, { file, ...options }: { lockDuration?: number; file?: string } = {}) {
  const connection = {
    ...rig.connection,
    sqlite: { file: file ?? join(tempDir('elsewhere'), 'standby.db') },
  } as unknown as ConnectionOptions;
  const factory = failoverFactory({ machine: { probeIntervalMs: 3_600_000 } });
  const worker = new Worker(
    'q',
    null,
    { connection, ...options },
    factory as unknown as BackendFactory<IQueueBackend, ConnectionOptions>,
  );
  worker.on('error', () => undefined);
  const engine = failoverOf(worker as never);
  const duplicates: unknown[] = [];
  engine.on('duplicate', told => duplicates.push(told));
  await worker.waitUntilReady();
  await engine.started;
  return { worker, engine, duplicates, [Symbol.asyncDispose]: () => worker.close() };
}

async function flush(rig: Rig): Promise<void> {
  const redis = new Redis(rig.redis.port);
  await redis.flushall();
  redis.disconnect();
  await until(() => rig.engine.status().recovered === 1, 'the job to be added again');
}

it('a job that another machine had when Redis lost it does not run again once it is told', async () => {
  await using rig = await Rig.start({ journal: 'until-completed' });
  await using other = await elsewhere(rig);
  const queue = rig.queue();
  await queue.add('once', {}, { jobId: 'once' });
  const job = await other.worker.getNextJob('t', { block: false });
  await flush(rig);
  await job?.moveToCompleted('done', 't', false);
  await until(() => other.engine.status().reportsDelivered === 1, 'the report');
  expect(await queue.getJob('once')).toMatchObject({ returnvalue: 'done' });
  expect(await queue.getJobCounts('waiting', 'active')).toEqual({ waiting: 0, active: 0 });
  expect(other.duplicates).toEqual([]);
});

it('nor where the report comes before the job is there again', async () => {
  await using rig = await Rig.start({ journal: 'until-completed' });
  const first = rig.queue();
  await first.add('once', {}, { jobId: 'once' });
  await first.close();
  await using other = await elsewhere(rig, { file: rig.file });
  const job = await other.worker.getNextJob('t', { block: false });
  const redis = new Redis(rig.redis.port);
  await redis.flushall();
  redis.disconnect();
  await job?.moveToCompleted('done', 't', false);
  await until(() => other.engine.status().reportsKept === 1, 'the report to be kept');
  await other.worker.close();
  const again = rig.again();
  const queue = again.queue();
  await until(async () => (await queue.getJob('once'))?.returnvalue === 'done', 'the result');
  expect(await queue.getJobCounts('waiting', 'active')).toEqual({ waiting: 0, active: 0 });
  expect([...again.told.duplicate, ...other.duplicates]).toEqual([]);
});

it.each([
  ['is counted', false],
  ['is counted, though nothing is left of it', true],
])('and if it has run again by then, it %s', async (_, removeOnComplete) => {
  await using rig = await Rig.start({ journal: 'until-completed' });
  await using other = await elsewhere(rig);
  const queue = rig.queue();
  await queue.add('twice', {}, { jobId: 'twice', removeOnComplete });
  const job = await other.worker.getNextJob('t', { block: false });
  await flush(rig);
  let done = 0;
  rig.worker(async () => undefined).on('completed', () => done++);
  await until(() => done === 1, 'it to run again');
  await job?.moveToCompleted('late', 't', false);
  await until(() => other.engine.status().duplicates === 1, 'it to be counted');
  expect(other.duplicates).toEqual([
    { queue: 'bull:q', job: 'twice', how: 'it ran again on another worker' },
  ]);
});

it('a report that is refused though Redis lost nothing is refused as ever', async () => {
  await using rig = await Rig.start({ journal: 'until-completed' });
  await using other = await elsewhere(rig);
  const queue = rig.queue();
  await queue.add('taken', {}, { jobId: 'taken' });
  const job = await other.worker.getNextJob('t', { block: false });
  await expect(job?.moveToCompleted('x', 'wrong', false)).rejects.toMatchObject({ code: -6 });
  await job?.moveToCompleted('right', 't', false);
  expect(other.engine.status()).toMatchObject({ reportsKept: 0, duplicates: 0 });
});

it('a job whose worker has let its lock run out runs again, and is counted', async () => {
  await using rig = await Rig.start(PATIENT);
  await using other = await elsewhere(rig, { lockDuration: 50 });
  const queue = rig.queue();
  await queue.add('stalls', {}, { jobId: 'stalls' });
  await other.worker.getNextJob('t', { block: false });
  const runs = new Runs();
  rig.worker(async ({ name }) => runs.add(name), { stalledInterval: 100 });
  await until(() => runs.has('stalls'), 'it to run again');
  expect(rig.told.duplicate).toEqual([
    {
      queue: 'bull:q',
      job: 'stalls',
      how: 'it was at work when its worker died or hung, and is to run again',
    },
  ]);
  expect(rig.engine.status().duplicates).toBe(1);
});
