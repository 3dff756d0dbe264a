/** All kinds of jobs on their way back, and what may come between: `kill -9`, a second program, the switch. */
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { openSwitches } from '../../src/engines/failover/index.ts';
import type { Runner } from '../faults/index.ts';
import { DURABLE } from '../servers/index.ts';
import { Program } from './program.ts';
import { Rig, until } from './rig.ts';

const HOUR = 3_600_000;
const EACH = 200;
/** So slow that there is time to come between: a batch is 250 jobs. */
const GIVEN = { drainPerSecond: 250 };

const PLAIN: Runner = { prefix: [] };

/** Jobs of each kind on the standby, in a queue that is paused, so that workers leave them where they are. */
async function fill(rig: Rig): Promise<void> {
  const queue = rig.queue();
  await queue.waitUntilReady();
  await rig.redis.kill();
  await rig.reaches('standby');
  await queue.pause();
  const flow = rig.flow();
  const many = (add: (n: number) => Promise<unknown>) =>
    Promise.all(Array.from({ length: EACH }, (_, n) => add(n)));
  await many(n => queue.add(`plain-${n}`, {}, { attempts: 7 }));
  await many(n => queue.add(`first-${n}`, {}, { priority: (n % 5) + 1 }));
  await many(n => queue.add(`later-${n}`, {}, { delay: HOUR + n }));
  await many(n => queue.add(`alone-${n}`, {}, { deduplication: { id: `key-${n}` } }));
  await many(n =>
    flow.add({
      name: `parent-${n}`,
      queueName: 'q',
      children: [{ name: `child-${n}`, queueName: 'q', data: {} }],
    }),
  );
  await queue.upsertJobScheduler('every', { every: HOUR }, { name: 'planned' });
}

/** What must be on Redis in the end, each once, where it belongs. */
async function allThere(rig: Rig): Promise<void> {
  const redis = new Redis(rig.redis.port);
  const look = async () => [
    await redis.llen('bull:q:wait'),
    await redis.zcard('bull:q:prioritized'),
    await redis.zcard('bull:q:delayed'),
    await redis.zcard('bull:q:waiting-children'),
    await redis.zcard('bull:q:repeat'),
  ];
  let found: number[] = [];
  // A scheduler's first job is due at once.
  const due = [3 * EACH + 1, EACH, EACH, EACH, 1];
  await until(
    async () => {
      found = await look();
      return found.every((count, index) => count === due[index]);
    },
    `${due} on Redis`,
    () => found,
  );
  const ids = await redis.lrange('bull:q:wait', 0, -1);
  expect(new Set(ids).size).toBe(ids.length);
  for (let n = 0; n < EACH; n++) expect(ids).toContain(await redis.get(`bull:q:de:key-${n}`));
  for (const parent of await redis.zrange('bull:q:waiting-children', '0', '-1')) {
    const [child = '', ...others] = await redis.smembers(`bull:q:${parent}:dependencies`);
    expect([await redis.exists(child), others]).toEqual([1, []]);
  }
  const plain = await Promise.all(ids.map(id => redis.hmget(`bull:q:${id}`, 'name', 'opts')));
  for (const [name, opts] of plain) {
    if (name?.startsWith('plain')) expect(JSON.parse(opts ?? '')).toMatchObject({ attempts: 7 });
  }
  await redis.quit();
}

describe.concurrent('a drain of all kinds of jobs', () => {
  it('killed again and again, and by two programs at once: each arrives once, where it belongs', async () => {
    await using rig = await Rig.start(GIVEN, DURABLE);
    await fill(rig);
    await rig.closeAll();
    await rig.redis.restart();
    for (let killed = 0; killed < 2; killed++) {
      await using program = await Program.start(rig.connection, PLAIN);
      await program.reaches('the drain', ({ returned }) => returned > 0);
    }
    await using first = await Program.start(rig.connection, PLAIN);
    await using second = await Program.start(rig.connection, PLAIN);
    await allThere(rig);
    for (const program of [first, second]) {
      await program.reaches('the end', ({ state, pending }) => state === 'primary' && pending === 0);
      expect(await program.status()).toMatchObject({ duplicates: 0, ran: 0 });
    }
  });

  it('switched off in the middle, until that expires, with two programs: the same', async () => {
    await using rig = await Rig.start(GIVEN, DURABLE);
    await fill(rig);
    await rig.redis.restart();
    await using other = await Program.start(rig.connection, PLAIN);
    const returned = async () => rig.engine.status().returned + (await other.status()).returned;
    await until(async () => (await returned()) > 0, 'the drain');
    const switches = openSwitches({ file: rig.file });
    await switches.set('redis', {
      value: 'off',
      by: 'a test',
      reason: 'it is',
      expiresAt: Date.now() + 2_000,
    });
    await rig.reaches('standby');
    await other.reaches('the standby', ({ state }) => state === 'standby');
    const redis = new Redis(rig.redis.port);
    const before = await redis.dbsize();
    await rig.queue().add('meanwhile', {}, { delay: HOUR, jobId: 'meanwhile' });
    expect(await redis.exists('bull:q:meanwhile')).toBe(0);
    await until(async () => (await redis.exists('bull:q:meanwhile')) === 1, 'the job of the time between');
    expect(await redis.dbsize()).toBeGreaterThan(before);
    await redis.zrem('bull:q:delayed', 'meanwhile');
    await allThere(rig);
    await rig.reaches('primary');
    expect(rig.engine.status()).toMatchObject({ duplicates: 0, pending: 0 });
    expect((await other.status()).duplicates).toBe(0);
    expect(rig.told.trouble).toEqual([]);
    await Promise.all([redis.quit(), switches.close()]);
  });
});
