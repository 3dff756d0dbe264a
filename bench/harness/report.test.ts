import { expect, it } from 'vitest';
import { formatNumber, table } from './report.ts';

it.each([
  [8123.4, '8,123'],
  [99.96, '100'],
  [12.345, '12.3'],
  [0.01234, '0.0123'],
  [0, '0'],
])('writes %d as %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

it('lines up the columns and says what was asked and whether it was reached', () => {
  const text = table([
    {
      benchmark: 'add',
      metric: 'rate',
      unit: 'ops/s',
      contender: 'base',
      median: 1000,
      ratio: undefined,
      verdicts: [],
    },
    {
      benchmark: 'add',
      metric: 'rate',
      unit: 'ops/s',
      contender: 'ours',
      median: 2600,
      ratio: { median: 2.6, lowest: 2.5, highest: 2.7 },
      verdicts: [
        { target: { contender: 'ours', of: 'ratio', bound: 2.5 }, better: 'higher', met: true },
        { target: { contender: 'ours', of: 'value', bound: 9000 }, better: 'higher', met: false },
      ],
    },
  ]);
  expect(text.split('\n')).toEqual([
    'benchmark  contender  median       ratio  lowest-highest  target                  met',
    '---------  ---------  -----------  -----  --------------  ----------------------  -------',
    'add: rate  base       1,000 ops/s',
    'add: rate  ours       2,600 ops/s  2.60x  2.50-2.70       >= 2.5x, >= 9000 ops/s  yes, NO',
  ]);
});
