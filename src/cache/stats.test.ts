import { expect, it } from 'vitest';
import { HitRates, zeroCounts } from './stats.ts';

it('gives the share of hits over the last minutes, and nothing where nothing was read', () => {
  let minutes = 5;
  const clock = { now: () => 0, monotonic: () => minutes * 60_000 };
  const counts = zeroCounts();
  const rates = new HitRates(counts, clock);
  const all = () => [rates.over(1), rates.over(10), rates.over(60)];
  expect(all()).toEqual([undefined, undefined, undefined]);
  counts.memoryHits = 1;
  counts.misses = 3;
  expect(all()).toEqual([0.25, 0.25, 0.25]);
  minutes += 1;
  rates.note();
  counts.redisHits = 4;
  expect(all()).toEqual([1, 5 / 8, 5 / 8]);
  for (let minute = 0; minute < 15; minute++) {
    minutes += 1;
    rates.note();
  }
  expect(all()).toEqual([undefined, undefined, 5 / 8]);
  minutes += 300;
  expect(all()).toEqual([undefined, undefined, undefined]);
  counts.misses += 1;
  expect(all()).toEqual([0, 0, 0]);
});
