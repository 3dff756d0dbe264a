import { describe, expect, it } from 'vitest';
import type { Benchmark } from './benchmark.ts';
import type { Contender } from './contenders.ts';
import type { Run } from './runner.ts';
import { faultsOf, summarise } from './summary.ts';

const base: Contender = { name: 'base', store: 'redis' };
const ours: Contender = { name: 'ours', store: 'sqlite full' };

const benchmark: Benchmark = {
  name: 'b',
  title: 'b',
  contenders: [base, ours],
  metrics: [
    {
      key: 'rate',
      unit: 'ops/s',
      better: 'higher',
      targets: [{ contender: 'ours', of: 'ratio', bound: 2 }],
    },
    {
      key: 'wait',
      unit: 'ms',
      better: 'lower',
      targets: [{ contender: 'ours', of: 'value', bound: 10 }],
    },
  ],
  scales: { full: {}, quick: {} },
  run: () => Promise.reject(new Error('not run here')),
};

function run(contender: Contender, round: number, rate: number, wait = 1): Run {
  return { contender: contender.name, round, seed: 1, ok: true, figures: { rate, wait }, checks: [] };
}

describe('summarise', () => {
  it('pairs the figures of a round', () => {
    // The machine was ten times slower in the second round: the ratio of the medians would be 3.3.
    const runs = [
      run(base, 0, 1000),
      run(ours, 0, 2100),
      run(ours, 1, 200),
      run(base, 1, 100),
      run(base, 2, 500),
      run(ours, 2, 1050),
    ];
    const row = summarise(benchmark, [base, ours], runs)[1];
    expect(row?.median).toBe(1050);
    expect(row?.ratio).toEqual({ median: 2.1, lowest: 2, highest: 2.1 });
    expect(row?.verdicts[0]?.met).toBe(true);
  });

  it('judges by which way is better', () => {
    const rows = summarise(benchmark, [base, ours], [run(base, 0, 10), run(ours, 0, 19, 9.5)]);
    const met = rows.filter(row => row.contender === 'ours').map(row => row.verdicts[0]?.met);
    expect(met).toEqual([false, true]);
  });

  it('misses the target when the contender never gave a figure', () => {
    const crashed: Run = { contender: 'ours', round: 0, seed: 1, ok: false, error: 'killed' };
    const row = summarise(benchmark, [base, ours], [run(base, 0, 10), crashed])[1];
    expect(row).toMatchObject({ median: undefined, ratio: undefined });
    expect(row?.verdicts[0]?.met).toBe(false);
  });

  it('compares a metric with the baseline it names', () => {
    const [rate] = benchmark.metrics;
    const beside = { ...benchmark, metrics: [{ ...rate!, baseline: 'ours' }] };
    const rows = summarise(beside, [base, ours], [run(base, 0, 10), run(ours, 0, 40)]);
    expect(rows.map(row => row.ratio?.median)).toEqual([0.25, undefined]);
  });

  it('gives the baseline no ratio to itself', () => {
    expect(summarise(benchmark, [base, ours], [run(base, 0, 10)])[0]).toMatchObject({
      median: 10,
      ratio: undefined,
      verdicts: [],
    });
  });
});

describe('faultsOf', () => {
  it('lists crashes and checks that do not hold, and nothing else', () => {
    const crashed: Run = { contender: 'ours', round: 0, seed: 1, ok: false, error: 'killed' };
    const lost: Run = {
      contender: 'base',
      round: 1,
      seed: 2,
      ok: true,
      figures: {},
      checks: [
        { name: 'ids', ok: false, detail: '1 missing' },
        { name: 'count', ok: true, detail: '3 of 3' },
      ],
    };
    expect(faultsOf([run(base, 0, 1), crashed, lost])).toEqual([
      'ours, round 1: killed',
      'base, round 2: ids: 1 missing',
    ]);
  });
});
