/** Claims that Redis never answered are given back; what somebody works on is not. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig, until } from './rig.ts';

/** As BullMQ's workers name theirs. */
const TOKEN = '6f0f4b0e-5d4e-4c8a-9f0a-0d3c6f1b2a37:0';

async function asked<T>(rig: Rig, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(rig.redis.port);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** Which jobs went from active to waiting, by Redis's own record. */
async function putBack(rig: Rig): Promise<unknown[]> {
  const events = await asked(rig, redis => redis.xrange('bull:q:events', '-', '+'));
  return events
    .map(([, fields]) => fields.join(' '))
    .filter(fields => fields.startsWith('event waiting') && fields.includes('prev active'))
    .map(fields => /jobId (\S+)/.exec(fields)?.[1]);
}

/** A worker's call that Redis carries out, and whose answer nobody gets. */
async function claimUnanswered(rig: Rig, worker: ReturnType<Rig['worker']>, token: string): Promise<void> {
  // So that its connection stands.
  expect(await worker.getNextJob(token, { block: false })).toBeUndefined();
  await rig.queue().addBulk([
    { name: 'first', data: {}, opts: { jobId: 'first' } },
    { name: 'second', data: {}, opts: { jobId: 'second' } },
  ]);
  rig.redis.pause();
  expect(await worker.getNextJob(token, { block: false })).toBeUndefined();
  await rig.reaches('standby');
  rig.redis.resume();
}

it('a job whose report is kept is not put back to wait', async () => {
  await using rig = await Rig.start({}, DURABLE);
  const queue = rig.queue();
  // Its report is sent to a Redis that never carries it out.
  rig.worker(async () => rig.redis.pause());
  await queue.add('once', {}, { jobId: 'once' });
  await until(() => rig.engine.status().reportsKept === 1, 'the report to be kept');
  await rig.redis.kill();
  await rig.redis.restart();
  await until(
    () => rig.engine.status().reportsDelivered === 1,
    'the report',
    () => rig.engine.status(),
  );
  // The queue's own connection may come back a moment after the one that delivers.
  const state = () => queue.getJobState('once').catch(String);
  await until(async () => (await state()) === 'completed', 'it to be completed', state);
  expect(await putBack(rig)).toEqual([]);
});

it("a token of the user's own may be another machine's too: its jobs are left alone", async () => {
  await using rig = await Rig.start();
  const queue = rig.queue();
  const elsewhere = new Worker('q', null, { connection: { port: rig.redis.port } });
  try {
    await queue.add('theirs', {}, { jobId: 'theirs' });
    const theirs = await elsewhere.getNextJob('mine', { block: false });
    await claimUnanswered(rig, rig.worker(null), 'mine');
    await rig.reaches('primary');
    expect(await putBack(rig)).not.toContain('theirs');
    expect(await queue.getJobState('first')).toBe('active');
    await theirs?.moveToCompleted('done', 'mine', false);
  } finally {
    await elsewhere.close();
  }
});

it('what this process has claimed goes back before its workers ask again, also where another gives back the rest', async () => {
  await using rig = await Rig.start();
  const queue = rig.queue();
  const worker = rig.worker(null);
  const { ledger } = rig.engine;
  await until(() => ledger.lease('return', 'another', 60_000), 'the lease');
  await claimUnanswered(rig, worker, TOKEN);
  await until(() => rig.engine.mayClaim, 'workers to be let in');
  expect(await putBack(rig)).toEqual(['first']);
  // With the token that was given up.
  expect((await worker.getNextJob(TOKEN, { block: false }))?.id).toBe('first');
  expect((await worker.getNextJob(TOKEN, { block: false }))?.id).toBe('second');
  await ledger.releaseLease('return', 'another');
  await rig.reaches('primary');
  expect(await putBack(rig)).toEqual(['first']);
  expect((await queue.getJobCounts('active')).active).toBe(2);
});

it('a job that was claimed with the same token since is left to who has it', async () => {
  await using rig = await Rig.start();
  const queue = rig.queue();
  const worker = rig.worker(null);
  await rig.engine.started;
  await queue.add('new', {}, { jobId: 'new' });
  expect((await worker.getNextJob(TOKEN, { block: false }))?.id).toBe('new');
  const { abandoned } = rig.engine.claims;
  // As a call without an answer does, while Redis goes on.
  rig.engine.abandonClaim('bull:q', TOKEN);
  await until(() => abandoned.get('bull:q')?.size === 0, 'it to be looked after');
  expect(await putBack(rig)).toEqual([]);
});
