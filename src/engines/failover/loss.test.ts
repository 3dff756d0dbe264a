import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { Rig, until } from '../../../test/failover/rig.ts';
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

/** Empties the Redis, once, when the engine's own connection has done this. */
function flushAfter(
  rig: Rig,
  does: (maintenance: Controller['maintenance'], flush: () => Promise<void>) => void,
) {
  const { maintenance } = rig.engine as unknown as Controller;
  let isFlushed = false;
  does(maintenance, async () => {
    if (isFlushed) return;
    isFlushed = true;
    const redis = new Redis(rig.redis.port);
    await redis.flushall();
    await redis.quit();
  });
}

it('a Redis that loses its data again while its jobs are added again is looked after again', async () => {
  await using rig = await Rig.start({ journal: 'until-completed' });
  const queue = rig.queue();
  await queue.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: `job-${n}`, data: {} })));
  await until(() => rig.engine.lastCount === 30, 'a probe to see them');
  flushAfter(rig, (maintenance, flush) => {
    const open = maintenance.queue.bind(maintenance);
    maintenance.queue = (...args) => {
      const backend = Object.create(open(...args)) as ReturnType<typeof open>;
      const add = backend.addJobs.bind(backend);
      backend.addJobs = entries => add(entries).finally(flush);
      return backend;
    };
  });
  const redis = new Redis(rig.redis.port);
  await redis.flushall();
  await redis.quit();
  await until(
    async () => rig.told.loss.length > 1 && (await queue.getJobCountByTypes('waiting')) === 30,
    'them to be there',
    () => rig.told.loss,
  );
});

it('no copy is dropped because its job is looked for on a Redis that has just lost it', async () => {
  await using rig = await Rig.start({ journal: 'until-completed' });
  const queue = rig.queue();
  await queue.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: `job-${n}`, data: {} })));
  await until(() => rig.engine.lastCount === 30, 'a probe to see them');
  let isSwept = false;
  flushAfter(rig, (maintenance, flush) => {
    const look = maintenance.unfinished.bind(maintenance);
    maintenance.unfinished = async (...args) => {
      await flush();
      isSwept = true;
      return look(...args);
    };
  });
  await until(() => isSwept, 'the copies to be swept');
  await until(() => rig.told.loss.length > 0, 'the loss to be noticed');
  expect(rig.told.loss).toMatchObject([{ recovered: 30, lost: 0 }]);
  expect(await queue.getJobCountByTypes('waiting')).toBe(30);
});
