import { expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig } from './rig.ts';

it('obliterates what is in both homes, however the slices fall', async () => {
  await using rig = await Rig.start({}, DURABLE);
  const queue = rig.queue();
  await rig.redis.kill();
  await rig.reaches('standby');
  await queue.addBulk(['one', 'two', 'three'].map(name => ({ name, data: {} })));
  const worker = rig.worker(null);
  // Jobs in work stay on the standby when Redis is back.
  for (const token of ['a', 'b', 'c']) await worker.getNextJob(token, { block: false });
  await rig.redis.restart();
  await rig.reaches('primary');

  // With slices of one job Redis, which has none, is done while the standby is not.
  await queue.obliterate({ force: true, count: 1 });
  expect(await queue.getJobCounts()).toMatchObject({ active: 0, waiting: 0 });
  expect(await queue.isPaused()).toBe(false);
});
