/** The return, killed (-9) at each of its steps: before a command arrives at Redis, and after it was carried out. */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Gate } from './gate.ts';
import { Program } from './program.ts';
import { Rig, Runs, until } from './rig.ts';

const HOUR = 3_600_000;
const PLAIN = 5;

let rig: Rig;
let redis: Redis;
const ids = { reported: '', unknown: '', ranTwice: '', child: '' };
/** What Redis holds before the return. */
const dumped: { key: string; ttl: number; value: Buffer }[] = [];
/** A copy of the standby's file of that moment. */
let standby = '';

/** Something of every kind that is given back. */
beforeAll(async () => {
  rig = await Rig.start({}, DURABLE);
  const queue = rig.queue();
  const worker = rig.worker(null);
  const claim = () => worker.getNextJob('t', { block: false });
  await queue.upsertJobScheduler('known', { every: HOUR, startDate: Date.now() + HOUR }, { name: 'planned' });
  await queue.add('reported', {});
  const reported = await claim();
  rig.redis.pause();
  // Nobody knows whether these have arrived.
  const [unknown, ranTwice] = await Promise.all([
    queue.add('unknown', {}, { lifo: false }),
    queue.add('ran twice', {}, { priority: 1 }),
  ]);
  await rig.reaches('standby');
  await reported?.updateProgress(50);
  await reported?.moveToCompleted('done', 't', false);
  await until(
    async () => (await queue.getJobCounts('wait', 'prioritized')).prioritized === 1,
    'the held add',
  );
  // It has run on the standby: first what has no priority.
  const first = await claim();
  const second = await claim();
  expect([first?.name, second?.name]).toEqual(['unknown', 'ran twice']);
  await second?.moveToCompleted('ran here', 't', false);
  await first?.moveToWait('t');
  const once = await queue.add(
    'once',
    {},
    { lifo: true, removeOnComplete: true, deduplication: { id: 'once', ttl: HOUR } },
  );
  const ran = await claim();
  expect(ran?.id).toBe(once.id);
  await ran?.moveToCompleted(1, 't', false);
  for (let n = 0; n < PLAIN; n++) await queue.add(`plain-${n}`, {});
  for (const priority of [3, 1, 2]) await queue.add(`priority-${priority}`, {}, { priority });
  await queue.add('later', {}, { delay: HOUR });
  const flow = await rig
    .flow()
    .add({ name: 'parent', queueName: 'q', children: [{ name: 'child', queueName: 'q' }] });
  for (const id of ['known', 'new']) {
    await queue.upsertJobScheduler(id, { every: HOUR, startDate: Date.now() + HOUR }, { name: 'planned' });
  }
  // So that workers leave all of it where it is.
  await queue.pause();
  Object.assign(ids, {
    reported: reported?.id,
    unknown: unknown.id,
    ranTwice: ranTwice.id,
    child: flow.children?.[0]?.job.id,
  });
  await rig.closeAll();
  rig.redis.resume();
  redis = new Redis(rig.redis.port);
  await until(async () => (await redis.exists(`bull:q:${ids.ranTwice}`)) === 1, 'the adds to be carried out');
  for (const key of await redis.keys('*')) {
    const [value, ttl] = await Promise.all([redis.dumpBuffer(key), redis.pttl(key)]);
    dumped.push({ key, value, ttl: Math.max(0, ttl) });
  }
  standby = join(tempDir('steps'), 'standby.db');
  copyFileSync(rig.file, standby);
  expect(existsSync(`${rig.file}-wal`)).toBe(false);
}, 40_000);

afterAll(async () => {
  await redis?.quit();
  await rig?.[Symbol.asyncDispose]();
});

type Step = [string, 'request' | 'reply', () => RegExp, away?: boolean];

const STEPS: Step[] = [
  ['a report, before it arrives', 'request', () => new RegExp(`:${ids.reported}\r\n`, 's')],
  [
    'a report, after it was carried out',
    'reply',
    () => new RegExp(`"done".*:${ids.reported}\r\n|:${ids.reported}.*"done"`, 's'),
  ],
  ['an add nobody knew of, before it is asked for', 'request', () => new RegExp(`\n${ids.unknown}\r\n`, 's')],
  [
    'the twin of one that has run, when it is taken into work',
    'reply',
    () => new RegExp(`LPUSH.*:${ids.ranTwice}\r\n`, 's'),
  ],
  [
    'the twin of one that has run, when it is finished',
    'reply',
    () => new RegExp(`:${ids.ranTwice}.*"ran here"|"ran here".*:${ids.ranTwice}`, 's'),
  ],
  ['a scheduler, before it is looked for', 'request', () => /zscore\r\n.*:repeat\r\n/s],
  ['a scheduler, before the batch is carried out', 'request', () => /zscore\r\n.*exec\r\n/s],
  ['a scheduler, after the batch was carried out', 'reply', () => /zscore\r\n.*exec\r\n/s],
  ['a window, after it was opened', 'reply', () => /:de:once\r\n/s],
  ['a batch, taken out of the standby', 'request', () => /plain-0.*exec\r\n/s],
  ['a batch, before any of it is looked for', 'request', () => /(spillway:batch:.*){4}/s],
  ['a batch, after it was carried out', 'reply', () => /plain-0.*exec\r\n/s],
  ['a batch, when it is to be forgotten', 'request', () => /plain-0.*pexpire\r\n/s],
  ['a scheduler, which is put back then: Redis is away', 'request', () => /zscore\r\n.*exec\r\n/s, true],
  ['a batch, which is put back then: Redis is away', 'reply', () => /plain-0.*exec\r\n/s, true],
];

/** As if the seconds were over that the one that was killed has for itself. */
function endLeases(file: string): void {
  const db = new DatabaseSync(file);
  db.exec('DELETE FROM failover_lease');
  db.close();
}

/** What is on Redis in the end. */
async function found(redis: Redis) {
  const names = async (list: string[]) =>
    (await Promise.all(list.map(id => redis.hget(`bull:q:${id}`, 'name')))).map(String);
  const sorted = async (set: string) => names(await redis.zrange(`bull:q:${set}`, '0', '-1'));
  return {
    // The next to run is at the right end.
    wait: await names((await redis.lrange('bull:q:wait', 0, -1)).toReversed()),
    prioritized: await sorted('prioritized'),
    delayed: (await sorted('delayed')).toSorted(),
    parents: await sorted('waiting-children'),
    completed: (await sorted('completed')).toSorted(),
    active: await names(await redis.lrange('bull:q:active', 0, -1)),
    schedulers: (await redis.zrange('bull:q:repeat', '0', '-1')).toSorted(),
    windows: await redis.exists('bull:q:de:once'),
    reported: await redis.hmget(`bull:q:${ids.reported}`, 'returnvalue', 'progress'),
    ranHere: await redis.hget(`bull:q:${ids.ranTwice}`, 'returnvalue'),
  };
}

const plain = Array.from({ length: PLAIN }, (_, n) => `plain-${n}`);

describe.concurrent('killed at', () => {
  it.for(STEPS.map(([what, way, pattern, away = false], db) => ({ what, way, pattern, away, db: db + 1 })))(
    '$what: nothing is lost, nothing there twice',
    async ({ db, way, pattern, away }, { expect }) => {
      const there = new Redis(rig.redis.port, { db });
      for (const { key, ttl, value } of dumped) await there.restore(key, ttl, value);
      await using gate = await Gate.start(rig.redis.port);
      const file = join(tempDir('step'), 'standby.db');
      copyFileSync(standby, file);
      const connection = { redis: `redis://127.0.0.1:${gate.port}/${db}`, sqlite: { file } };
      const reached = gate.stopAt(way, pattern());
      await using killed = await Program.start(connection, { prefix: [] });
      await reached;
      await killed.script.kill();
      endLeases(file);
      gate.isDown = away;
      const next = Rig.on(rig.redis, connection);
      const queue = next.queue();
      if (away) {
        await next.reaches('standby');
        await until(
          async () => ((await queue.getJobCounts('wait')).wait ?? 0) >= PLAIN,
          'what was on its way',
        );
        gate.isDown = false;
      }
      const look = async () => ({ ...(await found(there)), isAtWork: next.engine.givesBack });
      let last = await look();
      const due = {
        prioritized: ['priority-1', 'priority-2', 'priority-3'],
        delayed: ['later', 'planned', 'planned'],
        parents: ['parent'],
        completed: ['ran twice', 'reported'],
        active: [],
        schedulers: ['known', 'new'],
        windows: 1,
        reported: ['"done"', '50'],
        ranHere: '"ran here"',
        isAtWork: false,
      };
      await until(
        async () => {
          last = await look();
          const { wait, ...others } = last;
          return wait.length === PLAIN + 2 && JSON.stringify(others) === JSON.stringify(due);
        },
        'all of it on Redis',
        () => [last, next.engine.status(), next.told],
      );
      expect(last.wait.toSorted()).toEqual(['child', ...plain, 'unknown']);
      expect(last.wait.filter(name => name.startsWith('plain'))).toEqual(plain);
      expect(next.told).toMatchObject({ undeliverable: [], trouble: [], duplicate: [], loss: [] });
      await queue.resume();
      const runs = new Runs();
      next.worker(async ({ name }) => runs.add(name), { concurrency: 10 });
      await until(
        () => runs.count >= PLAIN + 6,
        'all to run',
        () => [runs.inOrder, next.engine.status(), next.errors.map(String)],
      );
      expect([runs.count, runs.distinct]).toEqual([PLAIN + 6, PLAIN + 6]);
      await next.closeAll();
      await there.quit();
    },
  );
});
