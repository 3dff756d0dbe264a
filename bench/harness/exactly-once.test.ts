import { describe, expect, it } from 'vitest';
import { Ledger, sameCount, sameIds } from './exactly-once.ts';

describe('Ledger', () => {
  function ledgerOf(size: number, seqs: number[]): Ledger {
    const ledger = new Ledger(size);
    for (const seq of seqs) ledger.mark(seq);
    return ledger;
  }

  it('holds when each job was handled once, in any order', () => {
    expect(ledgerOf(3, [2, 0, 1]).check('x')).toEqual({
      name: 'x',
      ok: true,
      detail: '3 once, 0 never, 0 more than once, 0 unknown',
    });
  });

  it('fails on a job handled twice, though the count is right', () => {
    const check = ledgerOf(3, [0, 0, 2]).check('x');
    expect(check.ok).toBe(false);
    expect(check.detail).toContain('1 never, 1 more than once');
  });

  it('fails on a job never handled, unless some may still wait', () => {
    expect(ledgerOf(3, [0, 1]).check('x').ok).toBe(false);
    expect(ledgerOf(3, [0, 1]).check('x', 'at most').ok).toBe(true);
  });

  it('fails on a job nobody added', () => {
    expect(ledgerOf(2, [0, 1, 2]).check('x').ok).toBe(false);
  });

  it('lists what was handled', () => {
    expect(ledgerOf(4, [3, 1, 1]).marked()).toEqual([1, 3]);
  });

  it('does not wrap round after 256 repeats', () => {
    expect(ledgerOf(1, Array<number>(257).fill(0)).check('x').ok).toBe(false);
  });
});

describe('sameIds', () => {
  it('holds for the same set in another order', () => {
    expect(sameIds('x', ['a', 'b'], ['b', 'a']).ok).toBe(true);
  });

  it.each([
    ['a missing id', ['a', 'b'], ['a']],
    ['an unexpected id', ['a'], ['a', 'b']],
    ['a swapped id', ['a', 'b'], ['a', 'c']],
    ['an id found twice', ['a', 'b'], ['a', 'b', 'b']],
    ['an id handed out twice', ['a', 'a'], ['a']],
  ])('fails on %s', (_name, expected, found) => {
    expect(sameIds('x', expected, found).ok).toBe(false);
  });
});

describe('sameCount', () => {
  it('compares', () => {
    expect(sameCount('x', 2, 2).ok).toBe(true);
    expect(sameCount('x', 2, 3)).toEqual({ name: 'x', ok: false, detail: '3 of 2' });
  });
});
