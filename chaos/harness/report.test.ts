import { describe, expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { type Result, report } from './report.ts';

const facts = {
  acknowledged: 12_345,
  processed: 12_344,
  lost: ['k1'],
  duplicated: [],
  hanging: 0,
  longestAddMs: 499.6,
  switchMs: 210.2,
  firstOnStandbyMs: undefined,
  returnMs: 0,
} as unknown as Facts;
const row = (more: Partial<Result>): Result => ({
  fault: 'flushall',
  rows: [3],
  seed: 1,
  seconds: 9,
  verdict: 'ok',
  reasons: [],
  notes: [],
  facts,
  ...more,
});

describe('report', () => {
  it('is a table with aligned columns, and remarks below', () => {
    const hanging = row({
      fault: 'hang-60s',
      verdict: 'FAILED',
      reasons: ['2 calls of add never settled'],
      notes: ['a note'],
      facts: { ...facts, hanging: 2, longestAddMs: 61_000 },
    });
    const { facts: _, ...skipped } = row({
      fault: 'drain',
      verdict: 'skipped',
      reasons: ['this engine has no standby'],
    });
    expect(`\n${report([row({}), hanging, skipped])}\n`).toBe(`
fault     acknowledged  processed  lost  duplicated  longest add (ms)  switch (ms)  first on standby (ms)  return (ms)  verdict
--------  ------------  ---------  ----  ----------  ----------------  -----------  ---------------------  -----------  -------
flushall        12,345     12,344     1           0               500          210                      -            0  ok
hang-60s        12,345     12,344     1           0          > 61,000          210                      -            0  FAILED
drain                -          -     -           -                 -            -                      -            -  skipped

  hang-60s: 2 calls of add never settled
  hang-60s: a note
  drain: this engine has no standby
`);
  });
});
