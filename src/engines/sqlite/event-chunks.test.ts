import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../../test/support/random.ts';
import { entriesAfter, groupEvents, parseCursor, rowsOf, TAIL_LIMIT, tailLength } from './event-chunks.ts';
import { type EventGroup, newQueueState } from './queue-state.ts';

fc.configureGlobal({ seed: testSeed() });

type Commit = { now: number; events: number };

/** Commits of some events each, at times that may stand still, go back or be no whole numbers. */
const commits = fc.array(
  fc.record({
    now: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.double({ min: 1, max: 30, noNaN: true })),
    events: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 90, max: 250 })),
  }),
  { maxLength: 40 },
);

/** What the session does with them: the newest in the tail, which moves to rows when it gets long. */
function write(all: readonly Commit[]) {
  const queue = newQueueState('q');
  const rows: ReturnType<typeof rowsOf> = [];
  const written: [cursor: string, name: string][] = [];
  for (const { now, events } of all) {
    const batch = Array.from({ length: events }, (_, index) => ['event', `e${written.length + index}`]);
    const group = groupEvents(queue, batch, now);
    batch.forEach((fields, index) => {
      written.push([`${group[0]}-${group[1] + index}`, fields[1] as string]);
    });
    queue.tail.push(group);
    if (tailLength(queue.tail) > TAIL_LIMIT) {
      rows.push(...rowsOf(queue.tail));
      queue.tail = [];
    }
  }
  return { queue, rows, written };
}

const asPair = (cursor: string) => parseCursor(cursor) ?? [Number.NaN, Number.NaN];
const isAfter = (a: string, ms: number, seq: number) => {
  const [aMs, aSeq] = asPair(a);
  return aMs > ms || (aMs === ms && aSeq > seq);
};

/** As the backend reads: from the row that holds the cursor on, then the tail. */
function read({ queue, rows }: ReturnType<typeof write>, ms: number, seq: number) {
  const holding = rows.findLastIndex(row => row.ms < ms || (row.ms === ms && row.seq <= seq));
  const groups = rows.slice(Math.max(0, holding)).flatMap(row => JSON.parse(row.body) as EventGroup[]);
  return entriesAfter([...groups, ...queue.tail], ms, seq).map(([cursor, fields]) => [cursor, fields[1]]);
}

describe('events', () => {
  it('have cursors that only go up, whole numbers both, whatever the clock does', () => {
    fc.assert(
      fc.property(commits, all => {
        const { written } = write(all);
        for (const [index, [cursor]] of written.entries()) {
          expect(cursor).toMatch(/^\d+-\d+$/);
          const before = written[index - 1];
          if (before !== undefined) expect(isAfter(cursor, ...asPair(before[0])), cursor).toBe(true);
        }
      }),
    );
  });

  it('are all read from any cursor on, those after it and no others, across rows and tail', () => {
    const point = fc.tuple(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 400 }));
    fc.assert(
      fc.property(commits, point, fc.nat(), (all, [ms, seq], pick) => {
        const state = write(all);
        const existing = state.written[pick % Math.max(1, state.written.length)]?.[0];
        const cursors = [[ms, seq] as const, [0, 0] as const, ...(existing ? [asPair(existing)] : [])];
        for (const [fromMs, fromSeq] of cursors) {
          const expected = state.written.filter(([cursor]) => isAfter(cursor, fromMs, fromSeq));
          expect(read(state, fromMs, fromSeq)).toEqual(expected);
        }
      }),
    );
  });

  it('stand in rows of a hundred at most, each named by its first', () => {
    fc.assert(
      fc.property(commits, all => {
        for (const row of write(all).rows) {
          const groups = JSON.parse(row.body) as EventGroup[];
          expect(row.n).toBeLessThanOrEqual(100);
          expect(groups.reduce((n, group) => n + group[2].length, 0)).toBe(row.n);
          expect([row.ms, row.seq]).toEqual(groups[0]?.slice(0, 2));
        }
      }),
    );
  });
});

describe('parseCursor', () => {
  it.each([
    ['0', [0, 0]],
    ['0-0', [0, 0]],
    ['1700000000000-12', [1_700_000_000_000, 12]],
    ['1700000000000', [1_700_000_000_000, 0]],
  ])('%s', (cursor, pair) => {
    expect(parseCursor(cursor)).toEqual(pair);
  });

  it.each(['', '-', '1-', '-1', 'a-1', '1-a', '1-2-3', '$', ' 1-1', '1.5-0'])('"%s" is none', cursor => {
    expect(parseCursor(cursor)).toBeUndefined();
  });
});
