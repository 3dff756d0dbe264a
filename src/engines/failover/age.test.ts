import { expect, it } from 'vitest';
import { isYounger } from './age.ts';

it.each([
  ['a moment ago', 9_999, true],
  ['long ago', 10_000, false],
  ['in an hour, by a clock that was put back since', -3_600_000, false],
])('what was noted %s', (_, ageMs, young) => {
  expect(isYounger({ at: 1e12 }, 10_000, { now: () => 1e12 + ageMs })).toBe(young);
});
