import { Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig, Runs, until } from './rig.ts';

describe('a program that ends while Redis is away', () => {
  it('and starts when it is back: what it had finished is delivered before its workers can draw it again', async () => {
    await using rig = await Rig.start({}, DURABLE);
    const queue = rig.queue();
    const first = rig.worker(null, { lockDuration: 100 });
    await queue.add('done', {}, { jobId: 'done' });
    const job = await first.getNextJob('t', { block: false });
    await rig.redis.kill();
    await rig.reaches('standby');
    await job?.moveToCompleted('kept', 't', false);
    await queue.add('next', {});
    await Promise.all([first.close(), queue.close()]);

    await rig.redis.restart();
    await letStall(rig.redis.port, 'done');
    const runs = new Runs();
    const worker = rig.again().worker(async ({ name }) => runs.add(name));
    await until(
      () => rig.engine.status().reportsDelivered === 1 && runs.has('next'),
      'the report, and the job',
    );
    expect(runs.inOrder).toEqual(['next']);
    const found = await rig.queue().getJob('done');
    expect(found).toMatchObject({ returnvalue: 'kept' });
    expect(await found?.getState()).toBe('completed');
    expect(rig.told.undeliverable).toEqual([]);
    await worker.close();
  });
});

/** Another machine finds that the job's lock has run out and puts it back to those that wait. */
async function letStall(port: number, id: string): Promise<void> {
  const other = new Worker('q', null, { connection: { port }, stalledInterval: 1 });
  const look = async () => {
    await other.getBackend().moveStalledJobsToWait();
    return other.getBackend().getState(id);
  };
  await until(async () => (await look()) === 'waiting', 'the job to be found stalled');
  await other.close();
}
