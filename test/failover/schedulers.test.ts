/** Job schedulers over an outage: one chain goes on, each of its runs once. */
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { PATIENT, Rig, until } from './rig.ts';

const HOUR = 3_600_000;

/** When each run of a scheduler was due, in the order they ran. */
class Slots {
  readonly ran: number[] = [];

  add(id: string | undefined): void {
    this.ran.push(Number(id?.split(':').at(-1)));
  }

  async more(runs: number): Promise<void> {
    const least = this.ran.length + runs;
    await until(
      () => this.ran.length >= least,
      `${runs} more runs`,
      () => this.ran,
    );
  }

  /** None twice, and none of the past again. */
  expectInOrder(): void {
    expect(this.ran).toEqual([...new Set(this.ran)].toSorted((a, b) => a - b));
  }
}

function look(rig: Rig) {
  const redis = new Redis(rig.redis.port);
  redis.on('error', () => undefined);
  rig.own({ close: async () => redis.disconnect() });
  return {
    schedulers: () => redis.zrange('bull:q:repeat', '0', '-1'),
    delayed: () => redis.zrange('bull:q:delayed', '0', '-1'),
    waiting: () => redis.lrange('bull:q:wait', '0' as never, '-1' as never),
    redis,
  };
}

async function kill(rig: Rig): Promise<void> {
  await rig.redis.kill();
  await rig.reaches('standby');
}

async function back(rig: Rig): Promise<void> {
  await rig.redis.restart();
  await rig.reaches('primary');
}

describe.concurrent('a chain', () => {
  it.each([
    ['every', { every: 300 }, false],
    ['every', { every: 300 }, true],
    ['cron', { pattern: '* * * * * *' }, true],
  ])(
    '(%s %o), set again during the outage: %s; no run twice, and none that is over',
    async (_, repeat, again) => {
      await using rig = await Rig.start(PATIENT, DURABLE);
      const queue = rig.queue();
      const slots = new Slots();
      rig.worker(async ({ id }) => slots.add(id));
      await queue.upsertJobScheduler('s', repeat, { name: 'planned' });
      await slots.more(1);
      await kill(rig);
      if (again) {
        await queue.upsertJobScheduler('s', repeat, { name: 'planned' });
        await slots.more(1);
      }
      await back(rig);
      await slots.more(2);
      slots.expectInOrder();
      const there = look(rig);
      expect(await there.schedulers()).toEqual(['s']);
      expect((await there.delayed()).length).toBeLessThan(2);
      expect(rig.told).toMatchObject({ trouble: [], undeliverable: [], duplicate: [] });
    },
  );
});

describe.concurrent('a run that begins on the standby while Redis comes back', () => {
  it('is followed by the next, not by the one Redis had planned', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const repeat = { every: 300 };
    await queue.upsertJobScheduler('s', repeat, { name: 'planned' });
    await kill(rig);
    await queue.upsertJobScheduler('s', repeat, { name: 'planned' });
    const slots = new Slots();
    const first = rig.worker(async ({ id }) => slots.add(id));
    await slots.more(2);
    // It has claimed a run, and is slow to plan the next.
    let tellClaimed = () => {};
    let letPlan = () => {};
    const claimed = new Promise<void>(resolve => {
      tellClaimed = resolve;
    });
    const mayPlan = new Promise<void>(resolve => {
      letPlan = resolve;
    });
    const backend = first.getBackend();
    const plan = backend.updateJobSchedulerNextMillis.bind(backend);
    backend.updateJobSchedulerNextMillis = async (...args) => {
      tellClaimed();
      await mayPlan;
      return plan(...args);
    };
    await claimed;

    let looks = 0;
    const { ledger } = rig.engine as unknown as { ledger: { takeSchedulers(): Promise<unknown> } };
    const take = ledger.takeSchedulers.bind(ledger);
    ledger.takeSchedulers = (...args) => {
      looks += 1;
      return take(...args);
    };
    rig.worker(async ({ id }) => slots.add(id));
    await rig.redis.restart();
    await until(
      () => looks > 5 || slots.ran.length > 2,
      'the schedulers to be asked for',
      () => looks,
    );
    letPlan();
    await slots.more(3);
    slots.expectInOrder();
    await rig.reaches('primary');
    expect(rig.told).toMatchObject({ trouble: [], undeliverable: [], duplicate: [] });
  });
});

describe.concurrent('a scheduler of the future', () => {
  it('set again during the outage, by a program that has just started, keeps its next run', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const first = rig.queue();
    await first.upsertJobScheduler('s', { every: HOUR }, { name: 'planned' });
    const worker = rig.worker(null);
    const job = await worker.getNextJob('t', { block: false });
    await first.upsertJobScheduler('s', { every: HOUR }, { name: 'planned' });
    await job?.moveToCompleted(1, 't', false);
    const there = look(rig);
    const planned = await there.delayed();
    expect(planned).toHaveLength(1);
    await rig.closeAll();
    await rig.redis.kill();

    const queue = rig.again().queue();
    await rig.reaches('standby');
    const again = await queue.upsertJobScheduler('s', { every: HOUR }, { name: 'planned' });
    expect([again?.id]).toEqual(planned);
    expect(await queue.getJobCounts('wait', 'delayed')).toEqual({ wait: 0, delayed: 1 });
    await back(rig);
    expect(await there.delayed()).toEqual(planned);
    expect(await there.waiting()).toEqual([]);
  });
});

describe.concurrent('a limit', () => {
  it('counts the runs of both homes', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const slots = new Slots();
    await queue.waitUntilReady();
    await kill(rig);
    rig.worker(async ({ id }) => slots.add(id));
    await queue.upsertJobScheduler('s', { every: 400, limit: 4 }, { name: 'planned' });
    await slots.more(2);
    await back(rig);
    const there = look(rig);
    const open = async () => [...(await there.delayed()), ...(await there.waiting())].length;
    await until(async () => slots.ran.length >= 4 && (await open()) === 0, 'the end of the chain');
    expect(slots.ran).toHaveLength(4);
    slots.expectInOrder();
  });

  it('that was reached on the standby ends the chain in Redis', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    const slots = new Slots();
    await queue.upsertJobScheduler('s', { every: 200, limit: 2 }, { name: 'planned' });
    await kill(rig);
    const worker = rig.worker(async ({ id }) => slots.add(id));
    await queue.upsertJobScheduler('s', { every: 200, limit: 2 }, { name: 'planned' });
    await until(async () => slots.ran.length === 2 && (await queue.getDelayedCount()) === 0, 'the end');
    await worker.pause();
    await back(rig);
    const there = look(rig);
    expect([await there.delayed(), await there.waiting()]).toEqual([[], []]);
    expect(slots.ran).toHaveLength(2);
    slots.expectInOrder();
  });
});

describe.concurrent('a scheduler that is removed during the outage', () => {
  it.each([
    ['at once', async () => undefined],
    [
      'after it was set again',
      (queue: ReturnType<Rig['queue']>) =>
        queue.upsertJobScheduler('s', { every: HOUR }, { name: 'planned' }),
    ],
  ])('%s is gone on both homes', async (_, first) => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    await queue.upsertJobScheduler('s', { pattern: '0 0 1 1 *' }, { name: 'planned' });
    await kill(rig);
    await first(queue);
    await queue.removeJobScheduler('s');
    await back(rig);
    const there = look(rig);
    expect([await there.schedulers(), await there.delayed()]).toEqual([[], []]);
    expect(await queue.getJobSchedulersCount()).toBe(0);
  });

  it('and set again after that is the new one', async () => {
    await using rig = await Rig.start(PATIENT, DURABLE);
    const queue = rig.queue();
    await queue.upsertJobScheduler('s', { pattern: '0 0 1 1 *' }, { name: 'old' });
    await kill(rig);
    await queue.removeJobScheduler('s');
    await queue.upsertJobScheduler('s', { pattern: '0 0 1 2 *' }, { name: 'new' });
    await back(rig);
    const there = look(rig);
    expect(await there.redis.hmget('bull:q:repeat:s', 'name', 'pattern')).toEqual(['new', '0 0 1 2 *']);
    expect(await there.delayed()).toHaveLength(1);
  });
});
