import { describe, expect, it } from 'vitest';
import { isSpillwayError } from '../../src/shared/errors.ts';
import { Rig } from './rig.ts';

/** Keeps the standby from taking anything: another connection holds the file's write lock. */
async function withLockedStandby(file: string, work: () => Promise<void>): Promise<void> {
  const { DatabaseSync } = await import('node:sqlite');
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  try {
    await work();
  } finally {
    other.exec('ROLLBACK');
    other.close();
  }
}

describe('below the standby', () => {
  it('what nothing can keep is refused, with when to come again', async () => {
    await using rig = await Rig.start();
    const { file } = rig;
    rig.connection.sqlite = { file, busyTimeoutMs: 100 };
    const queue = rig.queue();
    await queue.add('before', {});
    await rig.redis.kill();
    await rig.reaches('standby');
    await withLockedStandby(file, async () => {
      const refused = await queue.add('refused', {}).catch(error => error);
      expect(isSpillwayError(refused, 'SPILLWAY_UNAVAILABLE')).toBe(true);
      expect(refused.details).toMatchObject({ retryAfter: 2 });
    });
    expect((await queue.add('after', {})).id).toBeDefined();
  });

  it('or run inside add, where the queue allows it', async () => {
    const ran: unknown[] = [];
    await using rig = await Rig.start({ inline: { q: job => ran.push(job) } });
    rig.connection.sqlite = { file: rig.file, busyTimeoutMs: 100 };
    const queue = rig.queue();
    await queue.waitUntilReady();
    await rig.redis.kill();
    await rig.reaches('standby');
    await withLockedStandby(rig.file, async () => {
      const job = await queue.add('now', { a: 1 }, { priority: 3 });
      expect(ran).toMatchObject([{ id: job.id, name: 'now', data: { a: 1 }, opts: { priority: 3 } }]);
    });
    expect(rig.engine.status().ranInline).toBe(1);
  });
});
