import { describe, expect, it } from 'vitest';
import { onPostgres } from './postgres-rig.ts';
import { until } from './rig.ts';

describe.concurrent('the engine', () => {
  it('a PostgreSQL that hangs is replaced within the deadline, and used again when it goes on', async context => {
    const { postgres, engine, runs, add, reaches, ran } = await onPostgres(context);
    await add('before');
    await ran(20);
    postgres.pause();
    await add('meanwhile');
    await ran(40);
    expect(engine.state).toBe('standby');
    postgres.resume();
    await reaches('primary');
    await add('after');
    await until(
      () => runs.distinct === 60,
      'all jobs',
      () => engine.status(),
    );
    expect(runs.count).toBe(60 + engine.status().duplicates);
  });

  it('a PostgreSQL that is restarted takes leave of all its connections, and none of them ends the process', async context => {
    const { postgres, queue, engine, runs, add, reaches, ran } = await onPostgres(context);
    await add('before');
    await ran(20);
    const restarted = postgres.restart();
    await add('meanwhile');
    await ran(40);

    await restarted;
    await reaches('primary');
    await add('after');
    await ran(60);
    expect(runs.distinct).toBe(60);
    const open = async () => Object.values(await queue.getJobCounts('waiting', 'active', 'failed'));
    await until(
      async () => (await open()).every(jobs => jobs === 0),
      'all of them to be done with',
      () => engine.status(),
    );
  });
});
