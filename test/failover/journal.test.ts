import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { Rig, Runs, until } from './rig.ts';

const rows = async (rig: Rig) => (await rig.engine.ledger.counts()).journal;

describe('journal: until-completed', () => {
  it('adds again what FLUSHALL took, flows and delays included', async () => {
    await using rig = await Rig.start({ journal: 'until-completed' });
    const queue = rig.queue();
    await Promise.all(Array.from({ length: 30 }, (_, n) => queue.add(`plain-${n}`, { n })));
    await queue.add('later', {}, { delay: 600_000 });
    await queue.add('first', {}, { priority: 1 });
    await rig.flow().add({
      name: 'parent',
      queueName: 'q',
      children: [
        { name: 'child-1', queueName: 'q' },
        { name: 'child-2', queueName: 'q' },
      ],
    });
    expect(await rows(rig)).toBe(35);
    const redis = new Redis(rig.redis.port);
    await redis.flushall();
    await until(() => rig.told.loss.length > 0, 'the loss to be noticed');
    expect(rig.told.loss).toEqual([{ kind: 'emptied', recovered: 35, lost: 0, journal: 'until-completed' }]);
    const runs = new Runs();
    rig.worker(async job => runs.add(job.name));
    await until(() => runs.has('parent'), 'the flow to end');
    await until(
      () => runs.count === 34,
      'all but the delayed one',
      () => runs.inOrder,
    );
    expect(runs.distinct).toBe(34);
    expect((await queue.getJobCounts('delayed')).delayed).toBe(1);
    await until(async () => (await rows(rig)) === 1, 'the journal to hold no more than the delayed one');
    await redis.quit();
  });

  it('takes what is on its way to a Redis it has never seen for no loss', async () => {
    await using rig = await Rig.start({ journal: 'until-completed' });
    const queue = rig.queue();
    let more = true;
    const adding = (async () => {
      for (let n = 0; more; n++) {
        await Promise.all(Array.from({ length: 200 }, (_, m) => queue.add(`first-${n}-${m}`, {})));
      }
    })();
    await rig.engine.started;
    more = false;
    await adding;
    expect(rig.told.loss).toEqual([]);
    expect(rig.engine.status()).toMatchObject({ recovered: 0, lost: 0, duplicates: 0 });
  });

  it('and what a Redis restarted empty has forgotten, after an outage', async () => {
    await using rig = await Rig.start({ journal: 'until-completed' });
    const queue = rig.queue();
    await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add(`before-${n}`, {})));
    await rig.redis.kill();
    await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add(`during-${n}`, {})));
    await rig.redis.restart();
    await rig.reaches('primary');
    const runs = new Runs();
    rig.worker(async job => runs.add(job.name), { concurrency: 10 });
    await until(
      () => runs.count >= 40,
      'all jobs',
      () => [runs.count, rig.engine.status()],
    );
    await until(async () => (await rows(rig)) === 0, 'an empty journal');
    expect([runs.count, runs.distinct]).toEqual([40, 40]);
    expect(rig.told.loss).toMatchObject([{ kind: 'emptied', recovered: 20, lost: 0 }]);
  });

  it('a job whose Redis was flushed while it ran ends well and does not run again', async () => {
    await using rig = await Rig.start({ journal: 'until-completed' });
    const queue = rig.queue();
    const runs = new Runs();
    let goOn = () => {};
    const held = new Promise<void>(resolve => {
      goOn = resolve;
    });
    const failed: string[] = [];
    const worker = rig.worker(async job => {
      runs.add(job.name);
      await held;
    });
    worker.on('failed', job => failed.push(job?.name ?? ''));
    await queue.add('running', {});
    await until(() => runs.count === 1, 'it to start');
    const redis = new Redis(rig.redis.port);
    await redis.flushall();
    goOn();
    await until(
      async () => (await rows(rig)) === 0,
      'an empty journal',
      () => rig.engine.status(),
    );
    expect(failed).toEqual([]);
    await redis.quit();
  });

  it('one that another worker has run again by then is counted as run twice', async () => {
    await using rig = await Rig.start({ journal: 'until-completed' });
    const queue = rig.queue();
    await queue.add('twice', {}, { jobId: 'twice' });
    const worker = rig.worker(null);
    const first = await worker.getNextJob('first', { block: false });
    const redis = new Redis(rig.redis.port);
    await redis.flushall();
    await until(() => rig.told.loss.length > 0, 'the loss to be noticed');
    const runs = new Runs();
    rig.worker(async ({ name }) => runs.add(name));
    await until(async () => (await queue.getJobCounts('completed')).completed === 1, 'it to run again');
    await first?.moveToCompleted('late', 'first', false);
    await until(() => rig.engine.status().reportsDelivered === 1, 'the report');
    expect(rig.told.duplicate).toEqual([
      { queue: 'bull:q', job: 'twice', how: 'it ran again on another worker' },
    ]);
    expect(rig.engine.status().duplicates).toBe(1);
    await redis.quit();
  });
});

describe('journal: off', () => {
  it('a loss is counted and told', async () => {
    await using rig = await Rig.start();
    const queue = rig.queue();
    await Promise.all(Array.from({ length: 25 }, (_, n) => queue.add(`gone-${n}`, {})));
    const redis = new Redis(rig.redis.port);
    // Jobs are counted every two seconds; this is the count before the loss.
    await until(() => rig.engine.lastCount === 25, 'the jobs to be counted');
    await redis.flushall();
    await until(() => rig.told.loss.length > 0, 'the loss to be noticed');
    expect(rig.told.loss).toEqual([{ kind: 'emptied', recovered: 0, lost: 25, journal: 'off' }]);
    expect(rig.engine.status().lost).toBe(25);
    await redis.quit();
  });
});
