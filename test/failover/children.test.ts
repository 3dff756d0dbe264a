/** Children that a running job adds to itself, with a fault at that moment. */
import { Queue, WaitingChildrenError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/engines/failover/ledger/index.ts';
import { Rig, Runs, until } from './rig.ts';

describe('a parent that adds its children while it runs', () => {
  it.each<['is back' | 'hangs']>([['is back'], ['hangs']])(
    'waits for all of them, added to a Redis that hung and %s when it waits',
    async how => {
      await using rig = await Rig.start({ deadlineMs: 200 });
      const queue = rig.queue();
      const children = rig.queue('children');
      await Promise.all([queue.waitUntilReady(), children.waitUntilReady()]);
      // Another program holds the right to give back what is kept here.
      const other = Ledger.open({ file: rig.file });
      let isSecond = false;
      const values: unknown[] = [];
      rig.worker(async (job, token) => {
        if (!isSecond) {
          isSecond = true;
          const parent = { id: 'p', queue: queue.qualifiedName };
          await other.lease('return', 'other', 60_000);
          rig.redis.pause();
          // The first is sent and not answered; the others wait for a return.
          for (const jobId of ['c1', 'c2', 'c3']) await children.add('c', {}, { jobId, parent });
          if (how === 'is back') rig.redis.resume();
          const waits = await job.moveToWaitingChildren(token ?? '');
          rig.redis.resume();
          await other.releaseLease('return', 'other');
          if (waits) throw new WaitingChildrenError();
        }
        values.push(await job.getChildrenValues());
      });
      await queue.add('p', {}, { jobId: 'p' });
      await until(() => isSecond, 'the first run');
      rig.worker(async job => job.id, {}, 'children');
      await until(
        async () => (await queue.getCompletedCount()) === 1,
        'the parent',
        () => [rig.engine.status(), rig.told],
      );
      const of = (id: string) => [`bull:children:${id}`, id];
      expect(values).toEqual([Object.fromEntries([of('c1'), of('c2'), of('c3')])]);
      await rig.reaches('primary');
      await other.close();
    },
  );
});

it.each<['add' | 'addBulk' | 'a flow']>([['add'], ['addBulk'], ['a flow']])(
  'a child that was acknowledged runs, though its parent is gone when it can be given back: by %s',
  async how => {
    await using rig = await Rig.start();
    const [queue, children] = [rig.queue(), rig.queue('children')];
    await queue.add('p', {}, { jobId: 'p' });
    rig.engine.switched('off', 'a test');
    const opts = { jobId: 'c', parent: { id: 'p', queue: queue.qualifiedName } };
    if (how === 'add') await children.add('c', {}, opts);
    else if (how === 'addBulk') await children.addBulk([{ name: 'c', data: {}, opts }]);
    else await rig.flow().add({ name: 'c', queueName: 'children', opts });
    const elsewhere = new Queue('q', { connection: { port: rig.redis.port } });
    rig.own(elsewhere);
    await elsewhere.remove('p');
    rig.engine.switched('on', 'a test');
    await rig.reaches('primary');
    const runs = new Runs();
    rig.worker(async ({ id = '' }) => runs.add(id), {}, 'children');
    await until(
      () => runs.has('c'),
      'the child',
      () => [rig.engine.status(), rig.told],
    );
    expect([runs.count, rig.told.undeliverable]).toEqual([1, []]);
  },
);

it('a worker that is closed says nothing of Redis: the next job goes there', async () => {
  await using rig = await Rig.start();
  const queue = rig.queue();
  await queue.add('a', {});
  for (let round = 0; round < 40; round++) {
    const worker = rig.worker(async () => 'done');
    await until(async () => (await queue.getWaitingCount()) === 0, 'the job');
    await worker.close(round % 2 === 0);
    await queue.add('a', {});
    expect(rig.engine.status().spilled, `round ${round}`).toBe(0);
  }
});
