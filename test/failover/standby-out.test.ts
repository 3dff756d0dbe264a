import { renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { isSpillwayError } from '../../src/shared/errors.ts';
import { DURABLE } from '../servers/index.ts';
import { Rig, Runs, until } from './rig.ts';

const CODE = 'SPILLWAY_SQLITE_LOST_COMMITS';

it("Redis works on while the standby's folder is away, and the standby is used again when it is back", async () => {
  await using rig = await Rig.start({ journal: 'until-completed' }, DURABLE);
  const folder = dirname(rig.file);
  const runs = new Runs();
  const queue = rig.queue().setMaxListeners(0);
  rig.worker(async ({ name }) => runs.add(name), { concurrency: 5 });
  await queue.add('before', {});
  await until(() => runs.has('before'), 'the job before');

  renameSync(folder, `${folder}-away`);
  await until(() => rig.engine.status().standbyTrouble !== undefined, 'the trouble to be found');
  const events = await rig.events();
  const added = await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add(`alone-${n}`, {})));
  await Promise.all(added.map(job => job.waitUntilFinished(events)));
  // What is opened and looked at meanwhile works, too.
  const other = rig.queue('other');
  await other.pause();
  await other.add('later', {});
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 21 });
  expect(rig.engine.status()).toMatchObject({
    ...{ state: 'primary', rung: 'primary', switches: 0 },
    standbyTrouble: { code: CODE },
    withoutCopy: 21,
  });

  await rig.redis.kill();
  await rig.reaches('standby');
  const refused = await queue.add('refused', {}).catch(error => error);
  expect(isSpillwayError(refused, 'SPILLWAY_UNAVAILABLE')).toBe(true);
  expect(rig.engine.status().rung).toBe('refusing');

  renameSync(`${folder}-away`, folder);
  await until(() => rig.engine.status().standbyTrouble === undefined, 'the standby to be back');
  await queue.add('kept', {});
  await until(() => runs.has('kept'), 'the job on the standby');
  await rig.redis.restart();
  await rig.reaches('primary');
  await queue.add('after', {});
  await until(() => runs.has('after'), 'the job after');
  expect([runs.count, runs.distinct]).toEqual([23, 23]);
  expect(rig.told.standby).toMatchObject([{ trouble: { code: CODE } }, { trouble: undefined }]);
  expect(rig.told.rung).toMatchObject([{ rung: 'refusing' }, { rung: 'standby' }]);
  expect([rig.told.trouble, rig.told.loss]).toEqual([[], []]);
});

it('a Redis that comes back while the standby is out is used, and gets what was kept for it later', async () => {
  await using rig = await Rig.start({}, DURABLE);
  const folder = dirname(rig.file);
  const queue = rig.queue();
  const held = rig.worker(null);
  await queue.add('held', {}, { jobId: 'held' });
  const job = await held.getNextJob('t', { block: false });
  await rig.redis.kill();
  await rig.reaches('standby');
  await job?.moveToCompleted('kept', 't', false);
  await queue.add('spilled', {});

  renameSync(folder, `${folder}-away`);
  await until(() => rig.engine.status().standbyTrouble !== undefined, 'the trouble to be found');
  await rig.redis.restart();
  await until(() => rig.engine.status().rung === 'primary', 'Redis to be used');
  const runs = new Runs();
  rig.worker(async ({ name }) => runs.add(name));
  await queue.add('fresh', {});
  await until(() => runs.has('fresh'), 'the job on Redis');

  renameSync(`${folder}-away`, folder);
  await rig.reaches('primary');
  await until(() => runs.has('spilled'), 'the job of the standby');
  expect(runs.inOrder).toEqual(['fresh', 'spilled']);
  expect(await queue.getJob('held')).toMatchObject({ returnvalue: 'kept' });
  expect(rig.engine.status()).toMatchObject({ reportsDelivered: 1, duplicates: 0 });
});
