import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isSpillwayError, type Transition } from '../../src/index.ts';
import { startRedis } from '../servers/index.ts';
import type { LogLine } from './collect-log.ts';
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
    expect((await spillway.stats()).failover).toMatchObject({
      state: 'standby',
      rung: 'standby',
      pending: 2,
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
    expect(inspect(others.map(({ message }) => message))).toMatch(/2000 jobs put on the standby/);
    expect(others.length).toBeLessThanOrEqual(3);
    expect(others.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  it('names what is wrong with the password, and never shows it', async () => {
    for (const [args, user] of [
      [['--requirepass', 'right-one'], ''],
      [['--user', 'app', 'on', '>right-one', '~*', '&*', '+@all', '--user', 'default', 'off'], 'app'],
    ] as const) {
      const homes = await startHomes({ args: [...args] });
      const url = `redis://${user}:hunter2@127.0.0.1:${homes.redis.port}`;
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
      expect(everything).not.toContain('hunter2');
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

describe('close', () => {
  const busy = async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes, { shutdownTimeoutMs: 0 });
    const gate = deferred();
    const active = deferred();
    spillway.worker('jobs', async () => {
      active.resolve();
      await gate.promise;
    });
    await spillway.queueEvents('jobs').waitUntilReady();
    spillway.flow();
    const job = await spillway.queue('jobs').add('x', {});
    await active.promise;
    return { homes, spillway, lines, id: job.id ?? '' };
  };

  it.each(['dead', 'hung'] as const)('ends with a %s Redis, and the running job is not lost', async fault => {
    const { homes, spillway, id } = await busy();
    if (fault === 'dead') await homes.redis.kill();
    else homes.redis.pause();
    await spillway.close();
    if (fault === 'dead') await homes.redis.restart();
    else homes.redis.resume();

    const { spillway: next } = open(homes);
    const ran: unknown[] = [];
    next.worker('jobs', async job => void ran.push(job.id));
    await eventually(() => expect(ran).toEqual([id]));
  });

  it('ends while jobs are given back to a Redis that hangs', async () => {
    const homes = await startHomes();
    await homes.redis.kill();
    const { spillway } = open(homes, { failover: { drainPerSecond: 100 } });
    const queue = spillway.queue('jobs');
    await queue.addBulk(Array.from({ length: 2000 }, (_, index) => ({ name: 'x', data: index })));
    await homes.redis.restart();
    await reaches(spillway, 'returning');
    await eventually(() => expect(spillway.failover?.status().returned).toBeGreaterThan(0));
    homes.redis.pause();
    await spillway.close();
    homes.redis.resume();

    const { spillway: next } = open(homes);
    next.queue('jobs');
    await reaches(next, 'primary');
    expect((await next.stats()).queues.jobs?.total).toBe(2000);
  });
});

describe('an outage that the next start finds', () => {
  it('is worked off by the file alone where Redis is switched off, and the rest goes to Redis later', async () => {
    const homes = await startHomes();
    await homes.redis.kill();
    const first = open(homes).spillway;
    await first.queue('jobs').add('x', 'spilled');
    await reaches(first, 'standby');
    await first.close();

    const environment = { REDIS_URL: homes.redis.url, USE_BULLMQ: 'false' };
    const off = open(homes, { environment, redis: undefined } as never);
    expect(off.lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /sqlite engine .*: Redis is switched off by USE_BULLMQ=false; jobs that an outage left in the file are worked off/,
      ),
    ]);
    const done: unknown[] = [];
    const worker = off.spillway.worker('jobs', async job => void done.push(job.data));
    await eventually(() => expect(done).toEqual(['spilled']));
    await worker.close();
    const left = await off.spillway.queue('jobs').add('x', 'added meanwhile');
    const [inBulk] = await off.spillway.queue('jobs').addBulk([{ name: 'x', data: 'in a list' }]);
    // A counter's number might stand for another job in Redis.
    expect([left.id, inBulk?.id]).toEqual([expect.stringMatching(/-/), expect.stringMatching(/-/)]);
    await off.spillway.close();

    await homes.redis.restart();
    const back = open(homes).spillway;
    back.worker('jobs', async job => void done.push(job.data));
    await eventually(() => expect(done).toEqual(['spilled', 'added meanwhile', 'in a list']));
  });
});

describe('the ladder', () => {
  /** Redis dead, and the standby's file locked by somebody until the function given back is called. */
  const nothingLeft = async () => {
    const homes = await startHomes();
    await homes.redis.kill();
    const { DatabaseSync } = await import('node:sqlite');
    const sqlite = { file: homes.file, busyTimeoutMs: 100 };
    return {
      homes,
      sqlite,
      lock() {
        const other = new DatabaseSync(homes.file);
        other.exec('BEGIN IMMEDIATE');
        return () => other.close();
      },
    };
  };

  it('refuses a job that nothing can keep, says when to come again, and takes jobs when it can', async () => {
    const { homes, sqlite, lock } = await nothingLeft();
    const { spillway, lines } = open(homes, { sqlite });
    const queue = spillway.queue('jobs');
    await reaches(spillway, 'standby');
    await queue.add('x', 'kept');
    const unlock = lock();
    try {
      const refused = await Promise.allSettled([
        queue.add('x', 'refused'),
        queue.addBulk([{ name: 'x', data: 'refused' }]),
        spillway.flow().add({ name: 'x', queueName: 'jobs', data: 'refused' }),
      ]);
      for (const each of refused) {
        const error = each.status === 'rejected' ? each.reason : undefined;
        expect(isSpillwayError(error, 'SPILLWAY_UNAVAILABLE')).toBe(true);
        expect((error as { details: unknown }).details).toMatchObject({ retryAfter: expect.any(Number) });
      }
      expect(spillway.failover?.status().rung).toBe('refusing');
    } finally {
      unlock();
    }
    await eventually(() => queue.add('x', 'kept again'));
    expect(spillway.failover?.status().rung).toBe('standby');
    expect(lines.filter(({ details }) => 'rung' in details).map(({ level }) => level)).toEqual([
      'error',
      'info',
    ]);
    await homes.redis.restart();
    await reaches(spillway, 'primary');
    expect((await queue.getJobs(['waiting'])).map(job => job.data).sort()).toEqual(['kept', 'kept again']);
  });

  it('runs it inside add where the queue allows it, by its declaration or when it is opened', async () => {
    const { homes, sqlite, lock } = await nothingLeft();
    const ran: unknown[] = [];
    const inline = (job: { name: string; data: unknown }) => void ran.push([job.name, job.data]);
    const queues = { declared: { inline }, opened: {}, strict: {} };
    const { spillway } = open(homes, { sqlite, queues } as never);
    const [declared, strict] = [spillway.queue('declared'), spillway.queue('strict')];
    const failing = spillway.queue('opened', {
      inline: () => {
        throw new Error('no luck');
      },
    });
    await reaches(spillway, 'standby');
    await declared.add('warm', {});
    const unlock = lock();
    try {
      await declared.add('a', { n: 1 });
      await declared.addBulk([
        { name: 'b', data: 2 },
        { name: 'c', data: 3 },
      ]);
      expect(spillway.failover?.status()).toMatchObject({ rung: 'inline', ranInline: 3 });
      await expect(failing.add('x', {})).rejects.toThrow('no luck');
      await expect(strict.add('x', {})).rejects.toMatchObject({ code: 'SPILLWAY_UNAVAILABLE' });
    } finally {
      unlock();
    }
    expect(ran).toEqual([
      ['a', { n: 1 }],
      ['b', 2],
      ['c', 3],
    ]);
    await eventually(async () => expect((await declared.getJobCounts()).waiting).toBe(1));
  });

  it('refuses an inline handler that is none', async () => {
    const homes = { redis: await startRedis(), file: ':memory:' };
    const { spillway } = open(homes);
    try {
      expect(() => spillway.queue('jobs', { inline: 'now' as never })).toThrow(
        'Option inline of queue "jobs" must be a function; received a value of type string',
      );
    } finally {
      await spillway.close();
      await homes.redis.stop();
    }
  });
});
