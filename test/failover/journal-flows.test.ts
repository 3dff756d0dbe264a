/** Flows, and children of their own, that a Redis without its data is given again from the journal. */
import { UnrecoverableError } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { Rig, Runs, until } from './rig.ts';

/** Rows of the journal that are looked at together (PAGE in recovery.ts). */
const PAGE = 500;

async function flushed(rig: Rig): Promise<void> {
  await until(() => rig.engine.lastCount > 0, 'a probe to have seen them');
  const redis = new Redis(rig.redis.port);
  await redis.flushall();
  await redis.quit();
  await until(
    () => rig.told.loss.length > 0,
    'the loss to be noticed',
    () => [rig.engine.status(), rig.told.trouble.map(String)],
  );
}

const journalled = () => Rig.start({ journal: 'until-completed' });

describe('after FLUSHALL, with journal: until-completed', () => {
  it('a flow that lies on the border of two pages is added whole, so that its parent runs last', async () => {
    await using rig = await journalled();
    const queue = rig.queue('before');
    const flow = rig.flow();
    await queue.addBulk(Array.from({ length: PAGE - 2 }, (_, n) => ({ name: `before-${n}`, data: {} })));
    const children = [1, 2, 3].map(n => ({ name: `child-${n}`, queueName: 'q', data: {} }));
    await rig.queue().pause();
    await flow.add({ name: 'parent', queueName: 'q', children });
    // Each of these queues is asked for what it has, which takes its time.
    for (let n = 0; n < 100; n++) await flow.add({ name: 'after', queueName: `after-${n}` });
    const runs = new Runs();
    rig.worker(async ({ name }) => runs.add(name), { concurrency: 5 });
    // That it is paused is forgotten with the rest.
    await flushed(rig);
    expect(rig.told.loss).toMatchObject([{ recovered: PAGE - 2 + 4 + 100, lost: 0 }]);
    await until(
      () => runs.has('parent') && runs.distinct === 4,
      'all of the flow',
      () => runs.inOrder,
    );
    expect(runs.inOrder.at(-1)).toBe('parent');
    expect(runs.count).toBe(4);
  });

  it('a parent whose children had all finished waits for none of them', async () => {
    await using rig = await journalled();
    const runs = new Runs();
    const queue = rig.queue('parents');
    rig.worker(async ({ name }) => runs.add(name), {}, 'children');
    const children = [{ name: 'child', queueName: 'children', data: {} }];
    await rig.flow().add({ name: 'parent', queueName: 'parents', children });
    await until(async () => (await queue.getJobCounts('waiting')).waiting === 1, 'the parent to wait');
    await until(async () => (await rig.engine.ledger.counts()).journal === 1, 'the child to be done with');
    await flushed(rig);
    rig.worker(async ({ name }) => runs.add(name), {}, 'parents');
    await until(
      () => runs.has('parent'),
      'the parent',
      () => rig.engine.status(),
    );
    expect(runs.inOrder).toEqual(['child', 'parent']);
  });

  it('a child that was added to a parent of its own waits for nobody, and its parent is there first', async () => {
    await using rig = await journalled();
    const [a, b] = [rig.queue('a'), rig.queue('b')];
    // Queue a is the first that is looked at, its last job belongs to one of queue b.
    await a.add('first', {});
    const parent = await b.add('parent', {});
    await a.add('child', {}, { parent: { id: parent.id ?? '', queue: 'bull:b' } });
    await flushed(rig);
    expect(rig.told.loss).toMatchObject([{ recovered: 3, lost: 0 }]);
    expect((await a.getJobCounts('waiting')).waiting).toBe(2);
    const dependencies = await (await b.getJob(parent.id ?? ''))?.getDependencies();
    expect(dependencies?.unprocessed).toHaveLength(1);
  });

  it('a child whose parent has finished is added without it', async () => {
    await using rig = await journalled();
    const [queue, parents] = [rig.queue(), rig.queue('parents')];
    const worker = rig.worker(null, {}, 'parents');
    const parent = await parents.add('parent', {}, { removeOnFail: true });
    const claimed = await worker.getNextJob('token', { block: false });
    await queue.add('child', {}, { parent: { id: parent.id ?? '', queue: 'bull:parents' } });
    await claimed?.moveToFailed(new UnrecoverableError('on purpose'), 'token');
    await until(async () => (await rig.engine.ledger.counts()).journal === 1, 'the parent to be done with');
    await flushed(rig);
    expect((await queue.getJobCounts('waiting')).waiting).toBe(1);
  });
});
