/** Taking jobs out of the standby and putting them back, on random content. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Batch, Ledger } from '../../src/engines/failover/ledger/index.ts';
import type { TakenUnit } from '../../src/engines/sqlite/index.ts';
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
      const batches = await takeAll(ledger, random);
      for (const { batch, units } of random.shuffle(batches)) {
        const [first] = units[0]?.jobs ?? [];
        const mark = { queue: first?.queue as string, job: first?.id as string };
        expect(await ledger.movingJob(mark.queue, mark.job)).toEqual(JSON.parse(JSON.stringify(first)));
        const jobs = units.reduce((n, unit) => n + unit.jobs.length, 0);
        expect(await ledger.returnBatch(batch, [mark])).toBe(jobs);
        expect(await ledger.returnBatch(batch)).toBe(0);
        expect(await ledger.isUnknown(mark.queue, mark.job)).toBe(true);
      }
      expect(await ledger.counts()).toMatchObject({ moving: 0, unknown: batches.length });
      expect(dump(file), replay(random.seed)).toEqual(before);
      expect(checkInvariants(file), replay(random.seed)).toEqual([]);
      await ledger.close();
    }
  }, 120_000);

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
