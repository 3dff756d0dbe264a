import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { createSqliteBackend, type MachineClock } from '../../sqlite/index.ts';
import { Ledger } from './index.ts';

const QUEUE = 'bull:mail';
const newFile = () => join(tempDir('ledger'), 'q.db');

/** A clock that stands until it is moved. */
function handClock() {
  const clock = { wall: 1_700_000_000_000, mono: 5000, bootId: 'boot-1' };
  const machine: MachineClock = {
    now: () => clock.wall,
    monotonic: () => clock.mono,
    boot: () => clock.bootId,
  };
  return { clock, machine };
}

async function withLedger(
  run: (ledger: Ledger, clock: ReturnType<typeof handClock>['clock'], file: string) => Promise<void>,
): Promise<void> {
  const file = newFile();
  const { clock, machine } = handClock();
  const ledger = await Ledger.open({ file }, machine);
  try {
    await run(ledger, clock, file);
    expect(miscounted(file)).toEqual([]);
  } finally {
    await ledger.close();
  }
}

/** Counters that don't say what the tables hold. */
function miscounted(file: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare('SELECT name, n FROM failover_count').all() as { name: string; n: number }[];
  const wrong = rows.filter(
    ({ name, n }) =>
      n !==
      db.prepare(`SELECT count(${name === 'moving' ? 'job' : '*'}) AS n FROM failover_${name}`).get()?.n,
  );
  db.close();
  return wrong.map(({ name }) => name);
}

/** How many transactions the file has seen. */
function commits(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const row = db.prepare('SELECT commits FROM queue WHERE num = 0').get();
  db.close();
  return Number(row?.commits);
}

describe('deferred operations', () => {
  it('come back in order, once settled never again', async () => {
    await withLedger(async ledger => {
      const ops = ['pause', 'updateData', 'completed', 'remove'];
      const seqs = await Promise.all(
        ops.map((op, index) =>
          ledger.defer({ queue: QUEUE, job: index === 0 ? null : '7', op, args: [index] }),
        ),
      );
      expect(await ledger.deferredPage(0, 3)).toEqual(
        [0, 1, 2].map(index => ({
          seq: seqs[index],
          queue: QUEUE,
          job: index === 0 ? null : '7',
          op: ops[index],
          args: [index],
          at: 1_700_000_000_000,
        })),
      );
      expect((await ledger.deferredPage(seqs[2] as number, 3)).map(({ op }) => op)).toEqual(['remove']);
      expect(await ledger.settleDeferred(seqs.slice(0, 3))).toBe(3);
      expect(await ledger.settleDeferred(seqs.slice(0, 3))).toBe(0);
      expect((await ledger.counts()).deferred).toBe(1);
      expect((await ledger.deferredPage(0, 10)).map(({ op }) => op)).toEqual(['remove']);
    });
  });

  it('never give a number twice: settling late hits nothing new', async () => {
    await withLedger(async ledger => {
      const first = await ledger.defer({ queue: QUEUE, job: '1', op: 'completed', args: null });
      await ledger.settleDeferred([first]);
      const second = await ledger.defer({ queue: QUEUE, job: '1', op: 'completed', args: null });
      expect(second).toBeGreaterThan(first);
      expect(await ledger.settleDeferred([first])).toBe(0);
    });
  });

  it('hold the receipt of a job: the first that ends a run of it', async () => {
    await withLedger(async ledger => {
      await ledger.defer({ queue: QUEUE, job: '1', op: 'updateProgress', args: 50 });
      expect(await ledger.finishOf(QUEUE, '1')).toBeUndefined();
      await ledger.defer({ queue: QUEUE, job: '1', op: 'failed', args: { reason: 'a\0b' } });
      await ledger.defer({ queue: QUEUE, job: '1', op: 'completed', args: 'later' });
      expect(await ledger.finishOf(QUEUE, '1')).toMatchObject({ op: 'failed', args: { reason: 'a\0b' } });
      expect(await ledger.finishOf('bull:other', '1')).toBeUndefined();
    });
  });
});

describe('unknown adds', () => {
  it('are marked once, and the first outcome of the copy stands', async () => {
    await withLedger(async (ledger, clock) => {
      await ledger.markUnknown(QUEUE, 'b');
      clock.wall += 1000;
      await Promise.all([ledger.markUnknown(QUEUE, 'a'), ledger.markUnknown(QUEUE, 'b')]);
      expect(await ledger.isUnknown(QUEUE, 'b')).toBe(true);
      expect(await ledger.isUnknown(QUEUE, 'c')).toBe(false);
      expect(await ledger.unknownDone(QUEUE, 'b', { outcome: 'completed', value: { sent: 1 } })).toBe(true);
      expect(await ledger.unknownDone(QUEUE, 'b', { outcome: 'failed', value: 'late' })).toBe(false);
      expect(await ledger.unknownDone(QUEUE, 'c', { outcome: 'failed', value: null })).toBe(false);
      const [first] = await ledger.unknownPage(undefined, 1);
      expect(first).toEqual({ queue: QUEUE, job: 'a', at: 1_700_000_001_000, done: undefined });
      expect(await ledger.unknownPage(first, 10)).toEqual([
        {
          queue: QUEUE,
          job: 'b',
          at: 1_700_000_000_000,
          done: { outcome: 'completed', value: { sent: 1 } },
        },
      ]);
      expect(
        await ledger.settleUnknown([
          { queue: QUEUE, job: 'b' },
          { queue: QUEUE, job: 'c' },
        ]),
      ).toBe(1);
      expect(await ledger.counts()).toMatchObject({ unknown: 1 });
    });
  });
});

describe('the journal', () => {
  it('keeps a copy of each job in the order of adding; the first stays', async () => {
    await withLedger(async ledger => {
      const entries = Array.from({ length: 1200 }, (_, index) => ({
        queue: QUEUE,
        job: `${1000 + index}`,
        json: `{"n":${index}}`,
      }));
      expect(await ledger.journalAdd(entries)).toBe(1200);
      expect(await ledger.journalAdd([{ queue: QUEUE, job: '1000', json: 'another' }])).toBe(0);
      expect(await ledger.journalReplace({ queue: QUEUE, job: '1001', json: 'changed' })).toBe(true);
      expect(await ledger.journalReplace({ queue: QUEUE, job: 'none', json: 'changed' })).toBe(false);
      const page = await ledger.journalPage(0, 3);
      expect(page.map(({ job, json }) => [job, json])).toEqual([
        ['1000', '{"n":0}'],
        ['1001', 'changed'],
        ['1002', '{"n":2}'],
      ]);
      expect((await ledger.journalPage(page.at(-1)?.row ?? 0, 2)).map(({ job }) => job)).toEqual([
        '1003',
        '1004',
      ]);
      expect(
        await ledger.journalRemove(
          QUEUE,
          entries.slice(0, 700).map(({ job }) => job),
        ),
      ).toBe(700);
      expect(await ledger.journalRemove('bull:other', ['1700'])).toBe(0);
      expect(await ledger.journalHas(QUEUE, '1699')).toBe(false);
      expect(await ledger.journalHas(QUEUE, '1700')).toBe(true);
      expect((await ledger.counts()).journal).toBe(500);
    });
  });

  it('shares one transaction with the standby and all else of the turn', async () => {
    await withLedger(async (ledger, _clock, file) => {
      const queue = new Queue('mail', { connection: { file } as never }, createSqliteBackend as never);
      await queue.add('first', {});
      const before = commits(file);
      await Promise.all([
        ledger.markUnknown(QUEUE, 'x'),
        queue.add('second', {}, { jobId: 'x' }),
        ledger.defer({ queue: QUEUE, job: 'y', op: 'completed', args: null }),
        ledger.journalAdd([{ queue: QUEUE, job: 'z', json: '{}' }]),
      ]);
      expect(commits(file)).toBe(before + 1);
      expect(await ledger.standby(jobs => [jobs.has(QUEUE, 'x'), jobs.has(QUEUE, 'y')])).toEqual([
        true,
        false,
      ]);
      expect(await ledger.standby(jobs => jobs.counts())).toEqual([
        expect.objectContaining({ queue: QUEUE, wait: 2, active: 0, schedulers: 0 }),
      ]);
      await queue.close();
    });
  });
});

describe('a lease', () => {
  it('has one holder, who renews it; without that it runs out', async () => {
    await withLedger(async (ledger, clock) => {
      expect(await ledger.leaseHolder('drain')).toBeUndefined();
      expect(await ledger.lease('drain', 'a', 1000)).toBe(true);
      expect(await ledger.lease('drain', 'b', 1000)).toBe(false);
      expect(await ledger.lease('other', 'b', 1000)).toBe(true);
      clock.mono += 900;
      expect(await ledger.lease('drain', 'a', 1000)).toBe(true);
      clock.mono += 999;
      expect(await ledger.lease('drain', 'b', 1000)).toBe(false);
      clock.mono += 1;
      expect(await ledger.leaseHolder('drain')).toBeUndefined();
      expect(await ledger.lease('drain', 'b', 1000)).toBe(true);
      expect(await ledger.releaseLease('drain', 'a')).toBe(false);
      expect(await ledger.releaseLease('drain', 'b')).toBe(true);
      expect(await ledger.lease('drain', 'a', 1000)).toBe(true);
    });
  });

  it('is not moved by the time of day, and ends with the boot', async () => {
    await withLedger(async (ledger, clock) => {
      await ledger.lease('drain', 'a', 1000);
      clock.wall += 3_600_000;
      expect(await ledger.lease('drain', 'b', 1000)).toBe(false);
      clock.mono = 1;
      clock.bootId = 'boot-2';
      expect(await ledger.lease('drain', 'b', 1000)).toBe(true);
    });
  });
});

describe('switches and facts', () => {
  it('a switch stands until it is set anew or expires', async () => {
    await withLedger(async (ledger, clock) => {
      const off = { value: 'off', by: 'ada\0', reason: "it's slow" } as const;
      await ledger.setSwitch('redis', { ...off, expiresAt: clock.wall + 1000 });
      await ledger.setSwitch('inline', { ...off, expiresAt: null });
      expect(await ledger.switches()).toEqual([
        { name: 'inline', ...off, expiresAt: null, at: clock.wall },
        { name: 'redis', ...off, expiresAt: clock.wall + 1000, at: clock.wall },
      ]);
      clock.wall += 1000;
      await ledger.setSwitch('inline', { ...off, value: 'on', expiresAt: null });
      expect(await ledger.switches()).toEqual([
        { name: 'inline', ...off, value: 'on', expiresAt: null, at: clock.wall },
      ]);
    });
  });

  it('a switch ends in time though the clock is set back, also where the machine was booted again meanwhile', async () => {
    await withLedger(async (ledger, clock) => {
      const off = { value: 'off', by: 'ada', reason: 'moved' } as const;
      const names = async () => [await ledger.switches(), ledger.switchesNow()].map(all => all.length);
      await ledger.setSwitch('redis', { ...off, expiresAt: clock.wall + 60_000 });
      clock.wall -= 3_600_000;
      clock.mono += 59_999;
      expect(await names()).toEqual([1, 1]);
      clock.mono += 1;
      expect(await names()).toEqual([0, 0]);
      await ledger.setSwitch('redis', { ...off, expiresAt: clock.wall + 60_000 });
      Object.assign(clock, { bootId: 'boot-2', mono: 0, wall: clock.wall + 59_999 });
      expect(await names()).toEqual([1, 1]);
      clock.wall += 1;
      expect(await names()).toEqual([0, 0]);
    });
  });

  it('a fact is what was set last, for its endpoint', async () => {
    await withLedger(async ledger => {
      expect(await ledger.getFact('a', 'run')).toBeUndefined();
      await ledger.setFact('a', 'run', { id: 'x', offset: 12 });
      await ledger.setFact('b', 'run', null);
      await ledger.setFact('a', 'run', { id: 'y', offset: 1 });
      expect(await ledger.getFact('a', 'run')).toEqual({ id: 'y', offset: 1 });
      expect(await ledger.getFact('b', 'run')).toBeNull();
    });
  });
});

describe('its life', () => {
  it('is there again when the file is opened again', async () => {
    const file = newFile();
    const first = await Ledger.open({ file });
    await first.journalAdd([{ queue: QUEUE, job: '1', json: '{}' }]);
    await first.close();
    const second = await Ledger.open({ file });
    expect(await second.counts()).toEqual({ deferred: 0, unknown: 0, moving: 0, journal: 1 });
    await second.close();
  });

  it('opened twice in one process is one connection; closing one leaves the other', async () => {
    const file = newFile();
    const [one, two] = await Promise.all([Ledger.open({ file }), Ledger.open({ file })]);
    await one.markUnknown(QUEUE, 'a');
    await one.close();
    await expect(one.markUnknown(QUEUE, 'b')).rejects.toMatchObject({ code: 'SPILLWAY_CLOSED' });
    expect(await two.isUnknown(QUEUE, 'a')).toBe(true);
    await two.close();
  });

  it('what was called before the close is kept', async () => {
    const file = newFile();
    const ledger = await Ledger.open({ file });
    const added = ledger.journalAdd([{ queue: QUEUE, job: '1', json: '{}' }]);
    await ledger.close();
    expect(await added).toBe(1);
  });

  it('a file that is none is refused, and nothing stays open', async () => {
    const folder = tempDir('ledger');
    const refused = expect.objectContaining({ code: 'SPILLWAY_SQLITE_OPEN' });
    expect(() => Ledger.open({ file: folder })).toThrow(refused);
    expect(() => Ledger.open({ file: join(folder, 'no', 'q.db') })).toThrow(refused);
    expect(existsSync(join(folder, 'q.db'))).toBe(false);
  });
});
