/** Taking jobs out of the standby and putting them back, on random content. */
import { join } from 'node:path';
import { FlowProducer, Queue, Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { type Batch, Ledger } from '../../src/engines/failover/ledger/index.ts';
import { createSqliteBackend, type TakenUnit } from '../../src/engines/sqlite/index.ts';
import { checkInvariants } from '../sqlite-faults/invariants.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/random.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Content } from './content.ts';
import { dump, readStored } from './drainable.ts';

const SEED = testSeed();
const replay = (seed: number) => `replay with SPILLWAY_TEST_SEED=${seed}`;
/** The rounds of a property, each with a seed of its own; the first is the run's. */
const rounds = (count: number): SeededRandom[] => {
  const random = seededRandom(SEED);
  return [SEED, ...Array.from({ length: count - 1 }, () => random.int(0, 2 ** 32 - 1))].map(seededRandom);
};

const keysOf = (batch: Batch) => batch.units.map(unit => unit.jobs.map(({ queue, id }) => `${queue}:${id}`));

/** Children that come before their parent, and leaves that would be worked on after a later one of their queue and state. */
function misplacedNodes({ jobs }: TakenUnit): string[] {
  return jobs
    .filter((job, index) => {
      const before = jobs.slice(0, index);
      const parented = index === 0 || before.some(({ queue, id }) => `${queue}:${id}` === job.job.parentKey);
      const isLeaf = job.state !== 'waiting-children';
      const overtaken = before.some(
        ({ queue, state, score }) => queue === job.queue && state === job.state && score > job.score,
      );
      return !parented || (isLeaf && overtaken);
    })
    .map(({ queue, id }) => `${queue}:${id}`);
}

async function takeAll(ledger: Ledger, random: SeededRandom, queue?: string): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (;;) {
    const batch = await ledger.takeBatch(queue, random.int(1, 9));
    if (batch === undefined) return batches;
    batches.push(batch);
  }
}

async function takeAllSchedulers(ledger: Ledger, random: SeededRandom): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (;;) {
    const batch = await ledger.takeSchedulers(undefined, random.int(1, 3));
    if (batch === undefined) return batches;
    batches.push(batch);
  }
}

describe('taking out', () => {
  it('takes what may go, in order, once; the rest stays, and the file is whole', async () => {
    let flows = 0;
    for (const random of rounds(25)) {
      const file = join(tempDir('moving'), 'q.db');
      await using content = new Content({ file }, random);
      await content.grow(random.int(20, 150));
      const before = readStored(file);
      const ledger = await Ledger.open({ file });
      const taken: string[] = [];
      const misplaced: string[] = [];
      for (const queue of ['bull:sms', 'bull:mail', 'bull:none']) {
        const batches = await takeAll(ledger, random, queue);
        const units = batches.flatMap(keysOf);
        for (const { units } of batches) misplaced.push(...units.flatMap(misplacedNodes));
        const expected = before.units.get(queue) ?? [];
        expect(
          units.map(([root]) => root),
          replay(random.seed),
        ).toEqual(expected.map(([root]) => root));
        expect(
          units.map(unit => unit.toSorted()),
          replay(random.seed),
        ).toEqual(expected.map(unit => unit.toSorted()));
        flows += units.filter(unit => unit.length > 1).length;
        taken.push(...units.flat());
      }
      expect(misplaced, replay(random.seed)).toEqual([]);
      const after = readStored(file);
      expect([...taken, ...after.all].sort(), replay(random.seed)).toEqual(before.all.toSorted());
      expect([...after.units.values()].flat(), replay(random.seed)).toEqual([]);
      expect(checkInvariants(file), replay(random.seed)).toEqual([]);
      expect((await ledger.counts()).moving, replay(random.seed)).toBe(taken.length);
      expect((await ledger.movingBatches()).flatMap(keysOf).flat().sort()).toEqual(taken.toSorted());
      await ledger.close();
    }
    expect(flows, `flows among ${replay(SEED)}`).toBeGreaterThan(5);
  }, 120_000);

  it('and putting back leaves everything as it was', async () => {
    for (const random of rounds(25)) {
      const file = join(tempDir('moving'), 'q.db');
      await using content = new Content({ file }, random);
      await content.grow(random.int(20, 150));
      const before = dump(file);
      const ledger = await Ledger.open({ file });
      const batches = [...(await takeAll(ledger, random)), ...(await takeAllSchedulers(ledger, random))];
      for (const { batch, units } of random.shuffle(batches)) {
        const jobs = units.flatMap(unit => unit.jobs);
        const marks = jobs.slice(0, 1).map(({ queue, id }) => ({ queue, job: id }));
        for (const { queue, job } of marks) {
          expect(await ledger.movingJob(queue, job)).toEqual(JSON.parse(JSON.stringify(jobs[0])));
        }
        expect(await ledger.returnBatch(batch, marks)).toBe(jobs.length);
        expect(await ledger.returnBatch(batch)).toBe(0);
        for (const { queue, job } of marks) expect(await ledger.isUnknown(queue, job)).toBe(true);
      }
      expect((await ledger.counts()).moving).toBe(0);
      expect(dump(file), replay(random.seed)).toEqual(before);
      expect(checkInvariants(file), replay(random.seed)).toEqual([]);
      await ledger.close();
    }
  }, 120_000);

  it('takes schedulers with the jobs they have planned; only those at work stay', async () => {
    let planned = 0;
    for (const random of rounds(15)) {
      const file = join(tempDir('moving'), 'q.db');
      await using content = new Content({ file }, random);
      await content.grow(random.int(50, 200));
      const before = dump(file) as Record<string, Record<string, unknown>[]>;
      const ledger = await Ledger.open({ file });
      const units = (await takeAllSchedulers(ledger, random)).flatMap(batch => batch.units);
      const ids = ({ scheduler }: TakenUnit) => `${scheduler?.queue} ${scheduler?.id}`;
      expect(new Set(units.map(ids)).size, replay(random.seed)).toBe(units.length);
      for (const { scheduler, jobs } of units) {
        const id = `repeat:${scheduler?.id}:${scheduler?.next}`;
        const job = before.jobs?.find(row => row.queue === scheduler?.queue && row.id === id);
        const open = job !== undefined && [0, 2, 3].includes(job.state as number);
        expect(
          jobs.map(taken => taken.id),
          replay(random.seed),
        ).toEqual(open ? [id] : []);
        planned += jobs.length;
      }
      const after = dump(file) as Record<string, Record<string, unknown>[]>;
      expect((after.schedulers?.length ?? 0) + units.length).toBe(before.schedulers?.length);
      for (const { id, next } of after.schedulers ?? []) {
        const job = after.jobs?.find(row => row.id === `repeat:${id}:${next}`);
        expect(job?.state, `left behind, ${replay(random.seed)}`).toBe(1);
      }
      expect(checkInvariants(file), replay(random.seed)).toEqual([]);
      await ledger.close();
    }
    expect(planned, replay(SEED)).toBeGreaterThan(5);
  }, 60_000);

  it('passes by what stays, and begins again at the end', async () => {
    const file = join(tempDir('moving'), 'q.db');
    const opts = { connection: { file } as never };
    const flows = new FlowProducer(opts, createSqliteBackend as never);
    const queue = new Queue('mail', opts, createSqliteBackend as never);
    const worker = new Worker('mail', null, opts, createSqliteBackend as never);
    const child = { name: 'child', queueName: 'mail' };
    await flows.add({ name: 'root', queueName: 'sms', children: [child, child, child] });
    await worker.getNextJob('token', { block: false });
    for (const jobId of ['a', 'b', 'c']) await queue.add('single', {}, { jobId });
    const ledger = await Ledger.open({ file });
    const take = async () =>
      (await ledger.takeBatch(undefined, 2))?.units.flatMap(({ jobs }) => jobs.map(({ id }) => id));
    expect(await take()).toEqual(['a', 'b']);
    // In front of all, where the walk has been already.
    const { id } = await queue.add('single', {}, { jobId: 'd', lifo: true });
    expect(await take()).toEqual(['c']);
    expect(await take()).toEqual([id]);
    expect(await take()).toBeUndefined();
    await ledger.close();
    for (const object of [flows, queue, worker]) await object.close();
  });

  it('lets the event loop turn while a large batch moves', async () => {
    const file = join(tempDir('moving'), 'q.db');
    const queue = new Queue('mail', { connection: { file } as never }, createSqliteBackend as never);
    await queue.addBulk(Array.from({ length: 5000 }, (_, n) => ({ name: 'single', data: { n } })));
    const ledger = await Ledger.open({ file });
    let turns = 0;
    let moving = true;
    const turn = () => {
      turns += 1;
      if (moving) setImmediate(turn);
    };
    setImmediate(turn);
    const batch = await ledger.takeBatch('bull:mail', 5000);
    moving = false;
    expect(batch?.units.map(({ jobs }) => jobs[0]?.id)).toEqual(
      Array.from({ length: 5000 }, (_, n) => `${n + 1}`),
    );
    expect(turns).toBeGreaterThan(5);
    await ledger.close();
    await queue.close();
  });

  it('a settled batch is gone, once', async () => {
    const random = seededRandom(SEED);
    const file = join(tempDir('moving'), 'q.db');
    await using content = new Content({ file }, random);
    await content.grow(60);
    const ledger = await Ledger.open({ file });
    const [first, ...others] = await takeAll(ledger, random);
    expect(await ledger.settleBatch(first?.batch as string)).toBe(true);
    expect(await ledger.settleBatch(first?.batch as string)).toBe(false);
    expect(await ledger.movingBatches()).toEqual(JSON.parse(JSON.stringify(others)));
    await ledger.close();
  });
});
