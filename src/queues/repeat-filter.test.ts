import { expect, it } from 'vitest';
import { RepeatFilter } from './repeat-filter.ts';

it('admits a message once in 10 s and says how often it came in between', () => {
  let time = 0;
  const filter = new RepeatFilter({ now: () => 0, monotonic: () => time });
  const at = (milliseconds: number, message: string) => {
    time = milliseconds;
    return filter.admit(message);
  };
  expect([
    at(0, 'a'),
    at(1, 'a'),
    at(9_999, 'a'),
    at(10_000, 'a'),
    at(10_001, 'a'),
    at(10_002, 'b'),
    at(10_003, 'a'),
  ]).toEqual([0, undefined, undefined, 2, undefined, 1, 0]);
});
