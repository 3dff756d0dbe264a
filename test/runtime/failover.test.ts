import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSpillway, type Transition } from '../../src/index.ts';
import { startPostgres } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { collectLog, type LogLine } from './collect-log.ts';
import { deferred } from './deferred.ts';
import { eventually, open, reaches, startHomes } from './failover-runtime.ts';

const changes = (lines: readonly LogLine[]) =>
  lines.filter(line => 'from' in line.details).map(({ details: { from, to } }) => `${from} -> ${to}`);

describe('with Redis configured, the engine is failover', () => {
  it('says so in one line, and works on Redis while it is there', async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes);
    expect([spillway.engine, lines.length, lines[0]]).toMatchObject([
      'failover',
      1,
      {
        level: 'info',
        details: { engine: 'failover', reason: 'the option redis is set' },
        message: expect.stringContaining(`127.0.0.1:${homes.redis.port}/0, standby ${homes.file}`),
      },
    ]);
    const job = await spillway.queue('jobs').add('x', {});
    await reaches(spillway, 'primary');
    const { mode, queues, failover } = await spillway.stats();
    expect([mode, queues.jobs?.waiting, failover]).toMatchObject([
      'failover',
      1,
      { state: 'primary', rung: 'primary', pending: 0, journal: 'off', spilled: 0 },
    ]);
    expect(await spillway.job('jobs', job.id ?? '')).toMatchObject({ state: 'waiting', name: 'x' });
    expect(lines).toHaveLength(1);
  });

  it('keeps jobs in the file while the URL names a database that Redis does not have', async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes, { redis: `${homes.redis.url}/99` });
    await spillway.queue('jobs').add('x', 'kept');
    await reaches(spillway, 'standby');
    const done: unknown[] = [];
    spillway.worker('jobs', async job => void done.push(job.data));
    await eventually(() => expect(done).toEqual(['kept']));
    expect(changes(lines)).toEqual(['primary -> standby']);
    expect(lines.find(line => 'from' in line.details)?.details).toMatchObject({
      failure: 'no-database',
      remedy: expect.stringContaining('Correct the number'),
    });
  });

  it('goes on while Redis is dead, gives everything back, and tells each change of state once', async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes);
    const states: Transition[] = [];
    spillway.failover?.on('state', change => void states.push(change));
    const queue = spillway.queue('jobs');
    const gate = deferred();
    const done: unknown[] = [];
    const worker = spillway.worker(
      'jobs',
      async job => {
        if (job.data === 'held') await gate.promise;
        done.push(job.data);
      },
      { autorun: false },
    );
    await queue.add('x', 'in Redis');
    await reaches(spillway, 'primary');

    await homes.redis.kill();
    const held = await queue.add('x', 'held');
    const later = await queue.add('x', 'later', { delay: 3_600_000 });
    await reaches(spillway, 'standby');
    // An add that was on its way when Redis died is held back for some seconds first.
    await eventually(async () => {
      const { failover } = await spillway.stats();
      expect(failover).toMatchObject({ state: 'standby', rung: 'standby', pending: 2 });
    });
    expect(await spillway.job('jobs', later.id ?? '')).toMatchObject({ state: 'delayed' });
    void worker.run();
    await eventually(async () =>
      expect(await spillway.job('jobs', held.id ?? '')).toMatchObject({ state: 'active' }),
    );
    gate.resolve();

    await homes.redis.restart();
    await reaches(spillway, 'primary');
    await eventually(() => expect(done.sort()).toEqual(['held', 'in Redis']));
    expect(await spillway.job('jobs', later.id ?? '')).toMatchObject({ state: 'delayed' });
    expect((await spillway.stats()).failover).toMatchObject({ pending: 0, returned: 1 });
    const told = ['primary -> standby', 'standby -> returning', 'returning -> primary'];
    expect(changes(lines)).toEqual(told);
    expect(states.map(({ from, to }) => `${from} -> ${to}`)).toEqual(told);
    expect(lines.find(line => 'from' in line.details)).toMatchObject({
      level: 'warn',
      details: { from: 'primary', to: 'standby', pending: expect.any(Number), reason: expect.any(String) },
    });
  });

  it('starts without a Redis, and takes jobs at once', async () => {
    const homes = await startHomes();
    await homes.redis.kill();
    const { spillway, lines } = open(homes);
    const done: unknown[] = [];
    spillway.worker('jobs', async job => void done.push(job.data));
    await spillway.queue('jobs').add('x', 1);
    await eventually(() => expect(done).toEqual([1]));
    expect(changes(lines)).toEqual(['primary -> standby']);
    await homes.redis.restart();
    await reaches(spillway, 'primary');
  });

  it('keeps the log short, however much is done while Redis is down', async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes);
    let done = 0;
    const names = ['one', 'two', 'three', 'four'];
    const work = async () => {
      done += 1;
    };
    for (const name of names) spillway.worker(name, work, { concurrency: 20 });
    for (const name of names) spillway.queueEvents(name);
    await reaches(spillway, 'primary');
    await homes.redis.kill();
    for (let round = 0; round < 10; round++) {
      const batch = Array.from({ length: 25 }, (_, index) => ({ name: 'x', data: index }));
      await Promise.all(
        names.map(async name => {
          await Promise.all(batch.map(({ data }) => spillway.queue(name).add('x', data)));
          await spillway.queue(name).addBulk(batch);
        }),
      );
    }
    await eventually(() => expect(done).toBe(2000));
    await homes.redis.restart();
    await reaches(spillway, 'primary');
    await spillway.close();
    const others = lines.filter(line => !('from' in line.details) && !('engine' in line.details));
    expect(changes(lines)).toEqual(['primary -> standby', 'standby -> returning', 'returning -> primary']);
    // The counts, told when it closes, and the end of the drain.
    expect(inspect(others.map(({ message }) => message))).toMatch(/jobs put on the standby: 2000/);
    expect(others.length).toBeLessThanOrEqual(3);
    expect(others.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  it('names what is wrong with the password, and never shows it', async () => {
    for (const [args, user] of [
      [['--requirepass', 'spillway-secret-right'], ''],
      [
        ['--user', 'app', 'on', '>spillway-secret-right', '~*', '&*', '+@all', '--user', 'default', 'off'],
        'app',
      ],
    ] as const) {
      const homes = await startHomes({ args: [...args] });
      const url = `redis://${user}:spillway-secret-wrong@127.0.0.1:${homes.redis.port}`;
      const { spillway, lines } = open(homes, { redis: url });
      const told: unknown[] = [];
      for (const event of ['state', 'trouble'] as const) {
        spillway.failover?.on(event, (what: unknown) => void told.push(what));
      }
      const done: unknown[] = [];
      const worker = spillway.worker('secret', async job => void done.push(job.data));
      worker.on('error', error => void told.push(error));
      await spillway.queue('secret').add('x', 1);
      await reaches(spillway, 'standby');
      await eventually(() => expect(done).toEqual([1]));
      await eventually(() =>
        expect(spillway.failover?.status().lastTrouble).toMatchObject({ failure: 'wrongpass' }),
      );
      const stats = await spillway.stats();
      await spillway.close();
      const everything = inspect([lines, told, stats], { depth: 10, showHidden: true });
      expect(everything).toContain('refuses the user or the password');
      expect(everything).not.toContain('spillway-secret-wrong');
    }
  });

  it('goes on when a listener of the program throws', async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes);
    spillway.failover?.on('state', () => {
      throw new Error('a bug of the program');
    });
    await spillway.queue('jobs').add('x', {});
    await homes.redis.kill();
    await reaches(spillway, 'standby');
    await homes.redis.restart();
    await reaches(spillway, 'primary');
    expect(lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual(
      Array.from({ length: 3 }, () => 'A listener of the failover event state failed'),
    );
  });
});

describe('with PostgreSQL as its primary', () => {
  const onPostgres = async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const { logger, lines } = collectLog();
    const spillway = createSpillway({
      ...{ engine: 'failover', postgres: postgres.url, environment: {} },
      ...{ sqlite: { file: join(tempDir('failover'), 'standby.db') } },
      ...{ handleSignals: false, logger },
    });
    onTestFinished(() => spillway.close());
    return { postgres, spillway, lines };
  };

  it('goes on while that is dead, and gives everything back', async () => {
    const { postgres, spillway, lines } = await onPostgres();
    expect(lines[0]?.message).toMatch(
      /failover engine \(PostgreSQL, standby .*\): the option engine is failover/,
    );
    const queue = spillway.queue('jobs');
    await queue.waitUntilReady();
    await queue.add('x', 'before');
    await postgres.kill();
    await queue.add('x', 'meanwhile');
    await reaches(spillway, 'standby');
    await queue.add('x', 'later', { delay: 3_600_000 });
    const done: unknown[] = [];
    spillway.worker('jobs', async job => void done.push(job.data));
    await eventually(() => expect(done).toContain('meanwhile'));
    await postgres.restart();
    await reaches(spillway, 'primary');
    await eventually(() => expect(done.toSorted()).toEqual(['before', 'meanwhile']));
    await eventually(async () =>
      expect((await spillway.stats()).queues.jobs).toMatchObject({ delayed: 1, completed: 2 }),
    );
    expect(changes(lines)).toEqual(['primary -> standby', 'standby -> returning', 'returning -> primary']);
  });

  it('lives on when that dies while connections to it are being opened', async () => {
    const { postgres, spillway } = await onPostgres();
    const queues = Array.from({ length: 20 }, (_, index) => spillway.queue(`jobs-${index}`));
    const opening = Promise.all(queues.map(queue => queue.add('x', {})));
    const ready = Promise.race(queues.map(queue => queue.waitUntilReady()));
    await ready;
    await postgres.kill();
    expect(await opening).toHaveLength(20);
    await reaches(spillway, 'standby');
  });
});
