import { describe, expect, it } from 'vitest';
import { isSpillwayError } from '../../src/index.ts';
import { startRedis } from '../servers/index.ts';
import { eventually, open, reaches, startHomes } from './failover-runtime.ts';

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
