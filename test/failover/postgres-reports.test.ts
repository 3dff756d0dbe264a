/** Reports that PostgreSQL can't hold: the job ends all the same, and does not run again. */
import { expect, it } from 'vitest';
import { onPostgres } from './postgres-rig.ts';
import { until } from './rig.ts';

const NUL = String.fromCharCode(0);

it('a result or a failure with a NUL character in it, told after an outage', async context => {
  let goOn = () => {};
  const held = new Promise<void>(resolve => {
    goOn = resolve;
  });
  const { postgres, queue, engine, runs, reaches } = await onPostgres(context, async ({ name }) => {
    await held;
    if (name === 'throws') throw new Error(`a${NUL}b`);
    return `a${NUL}b`;
  });
  const undeliverable: unknown[] = [];
  engine.on('undeliverable', told => undeliverable.push(told));
  for (const name of ['answers', 'throws']) await queue.add(name, {}, { jobId: name });
  await until(() => runs.count === 2, 'the two to run');
  await postgres.kill();
  await reaches('standby');
  goOn();
  await until(
    () => engine.status().reportsKept === 2,
    'their reports',
    () => engine.status(),
  );
  await postgres.restart();
  await until(
    () => engine.status().reportsDelivered === 2,
    'the reports to be told',
    () => [engine.status(), undeliverable],
  );
  // The queue's own connection may come back a moment after the one that delivers.
  await until(async () => (await queue.getJob('answers').catch(() => undefined)) !== undefined, 'the queue');
  // As BullMQ's worker fails it when PostgreSQL refuses it at once.
  expect(await queue.getJob('answers')).toMatchObject({
    failedReason: 'unsupported Unicode escape sequence',
  });
  expect(await queue.getJob('throws')).toMatchObject({ failedReason: 'ab' });
  expect(await queue.getJobCounts('failed', 'active')).toEqual({ failed: 2, active: 0 });
  expect([runs.count, undeliverable]).toEqual([2, []]);
});
