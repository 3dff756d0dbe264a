import { expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig } from './rig.ts';

it('a parent that Redis will not complete, because a child has failed, fails as it would have at once', async () => {
  await using rig = await Rig.start({}, DURABLE);
  const children = rig.worker(null, {}, 'children');
  const parents = rig.worker(null, {}, 'parents');
  const child = { name: 'child', queueName: 'children', opts: { failParentOnFailure: true } };
  await rig.flow().add({ name: 'parent', queueName: 'parents', opts: { jobId: 'p' }, children: [child] });
  const failing = await children.getNextJob('t', { block: false });
  await failing?.moveToFailed(new Error('bad child'), 't', false);
  const parent = await parents.getNextJob('t', { block: false });
  await rig.redis.kill();
  await rig.reaches('standby');
  await parent?.moveToCompleted('done', 't', false);

  await rig.redis.restart();
  await rig.reaches('primary');
  const found = await rig.queue('parents').getJob('p');
  expect(await found?.getState()).toBe('failed');
  expect(found?.failedReason).toContain('at least one failed child');
  expect(rig.told.undeliverable).toEqual([]);
});
