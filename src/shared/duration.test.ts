import { expect, it } from 'vitest';
import { parseDuration } from './duration.ts';

it.each([
  [0, 0],
  [1500.5, 1500.5],
  ['500ms', 500],
  ['30s', 30_000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
])('%j is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each([
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  '10',
  'm',
  '1.5h',
  '-1s',
  '10 m',
  '10M',
  null,
  {},
  '1'.repeat(20),
])('%j is no duration', value => {
  expect(parseDuration(value)).toBeUndefined();
});
