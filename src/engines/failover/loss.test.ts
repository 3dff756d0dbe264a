import { expect, it } from 'vitest';
import { Rig } from '../../../test/failover/rig.ts';
import type { Controller } from './controller.ts';

it('a Redis that hangs while its jobs are counted is given up like any other', async () => {
  await using rig = await Rig.start();
  const queue = rig.queue();
  await queue.add('before', {});
  await rig.reaches('primary');
  const { maintenance } = rig.engine as unknown as Controller;
  const open = maintenance.queue.bind(maintenance);
  let isHung = false;
  maintenance.queue = (...args) => {
    if (!isHung) rig.redis.pause();
    isHung = true;
    return open(...args);
  };
  await rig.reaches('standby');
  expect(isHung).toBe(true);
  expect((await queue.add('after', {})).id).toBeDefined();
  rig.redis.resume();
  await rig.reaches('primary');
  expect(await queue.getJobCountByTypes('waiting')).toBe(2);
});
