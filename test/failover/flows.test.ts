/** Flows with an outage in their middle: while they are added, and while their children run. */
import { type FlowJob, UnrecoverableError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { onPostgres } from './postgres-rig.ts';
import { Rig, Runs, until } from './rig.ts';

const FLOWS = 60;
const flowOf = (n: number): FlowJob => ({
  name: `parent-${n}`,
  queueName: 'q',
  children: [1, 2].map(child => ({ name: `child-${child}-of-${n}`, queueName: 'q', data: {} })),
});

/** Adds flows, goes on as soon as the first is there, and answers when all are acknowledged. */
async function addAll(flow: { add(flow: FlowJob): Promise<unknown> }, cut: () => unknown): Promise<void> {
  let added = 0;
  const adding = Array.from({ length: FLOWS }, async (_, n) => {
    await flow.add(flowOf(n));
    added += 1;
  });
  await until(() => added > 0, 'the first');
  await cut();
  await Promise.all(adding);
}

function expectWhole(runs: Runs, duplicates: number): void {
  expect(runs.distinct).toBe(3 * FLOWS);
  expect(runs.count - runs.distinct).toBeLessThanOrEqual(duplicates);
  for (let n = 0; n < FLOWS; n++) {
    const at = [`child-1-of-${n}`, `child-2-of-${n}`, `parent-${n}`].map(name => runs.inOrder.indexOf(name));
    expect(at[2]).toBeGreaterThan(Math.max(at[0]!, at[1]!));
  }
}

describe.concurrent('a flow whose add is cut', () => {
  it.each<['killed' | 'hung']>([['killed'], ['hung']])(
    'by a Redis that is %s: all of it runs, its parent last',
    async how => {
      await using rig = await Rig.start({}, DURABLE);
      const queue = rig.queue();
      await queue.waitUntilReady();
      const runs = new Runs();
      rig.worker(async ({ name }) => runs.add(name), {
        concurrency: 5,
        lockDuration: 2_000,
        stalledInterval: 1_000,
      });
      await addAll(rig.flow(), () => (how === 'killed' ? rig.redis.kill() : rig.redis.pause()));
      await rig.reaches('standby');
      if (how === 'killed') await rig.redis.restart();
      else rig.redis.resume();
      await until(
        () => runs.distinct === 3 * FLOWS,
        'all of them',
        () => [runs.distinct, rig.engine.status()],
      );
      await rig.reaches('primary');
      expectWhole(runs, rig.engine.status().duplicates);
      expect(rig.told.undeliverable).toEqual([]);
    },
  );

  it('by a PostgreSQL that is killed: the same', async context => {
    const { postgres, queue, flow, engine, runs, reaches } = await onPostgres(context);
    await queue.waitUntilReady();
    await addAll(flow, () => postgres.kill());
    await reaches('standby');
    await postgres.restart();
    await until(
      () => runs.distinct === 3 * FLOWS,
      'all of them',
      () => [runs.distinct, engine.status()],
    );
    await reaches('primary');
    expectWhole(runs, engine.status().duplicates);
  });
});

describe.concurrent('a child that fails while Redis is away', () => {
  it.each([
    ['failParentOnFailure', 'failed', false],
    ['ignoreDependencyOnFailure', 'completed', true],
    ['removeDependencyOnFailure', 'completed', true],
    ['continueParentOnFailure', 'completed', true],
  ] as const)('with %s: its parent is %s on return', async (policy, state, runsParent) => {
    await using rig = await Rig.start({}, DURABLE);
    const queue = rig.queue();
    const runs = new Runs();
    let fail = () => {};
    const mayFail = new Promise<void>(resolve => {
      fail = resolve;
    });
    rig.worker(async ({ name }) => {
      runs.add(name);
      if (name !== 'child') return;
      await mayFail;
      throw new UnrecoverableError('on purpose');
    });
    const children = [{ name: 'child', queueName: 'q', data: {}, opts: { [policy]: true } }];
    const added = await rig.flow().add({ name: 'parent', queueName: 'q', children });
    await until(() => runs.has('child'), 'the child');
    await rig.redis.kill();
    await rig.reaches('standby');
    fail();
    await until(() => rig.engine.status().reportsKept === 1, 'the report');
    await rig.redis.restart();
    await until(
      async () => rig.engine.usesPrimary && (await queue.getJobState(added.job.id ?? '')) === state,
      `the parent to be ${state}`,
      () => [rig.engine.status(), runs.inOrder],
    );
    expect(runs.inOrder).toEqual(runsParent ? ['child', 'parent'] : ['child']);
    expect(rig.told).toMatchObject({ undeliverable: [], duplicate: [] });
  });
});

it('a parent that Redis knows gets the children added meanwhile, and a child that Redis knows stays as it is', async () => {
  await using rig = await Rig.start();
  const [queue, flow] = [rig.queue(), rig.flow()];
  const child = (jobId: string) => ({ name: jobId, queueName: 'q', opts: { jobId } });
  const under = (...children: FlowJob[]) => ({
    ...{ name: 'parent', queueName: 'parents', opts: { jobId: 'parent' }, children },
  });
  await flow.add(under(child('first')));
  await queue.add('known', { own: true }, { jobId: 'known', priority: 5, attempts: 3 });
  rig.engine.switched('off', 'the test says so');
  await rig.reaches('standby');
  await flow.add(under(child('second'), child('known')));
  rig.engine.switched('on', 'the test says so');
  await rig.reaches('primary');
  expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(['first', 'second']);
  const known = await queue.getJob('known');
  expect(known).toMatchObject({ data: { own: true }, priority: 5, opts: { attempts: 3 } });
  const parent = await rig.queue('parents').getJob('parent');
  expect(await parent?.getDependenciesCount()).toMatchObject({ unprocessed: 3 });
});
