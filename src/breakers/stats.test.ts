import { expect, it } from 'vitest';
import { seededRandom, testSeed } from '../../test/support/random.ts';
import { Latencies } from './latencies.ts';
import { Stats } from './stats.ts';

it('percentiles are within 3.2 % of the exact ones, from microseconds to half an hour', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const latencies = new Latencies();
  const values = Array.from({ length: 5_000 }, () => 0.05 * 10 ** (random.next() * 7.5));
  for (const value of values) latencies.record(value);
  const sorted = values.toSorted((one, other) => one - other);
  for (const share of [0.001, 0.25, 0.5, 0.75, 0.9, 0.99, 0.995, 1]) {
    const exact = sorted[Math.ceil(share * sorted.length) - 1]!;
    const ratio = latencies.percentile(share) / exact;
    expect(Math.abs(ratio - 1), `share ${share}, seed ${seed}`).toBeLessThan(0.032);
  }
  expect(latencies.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length);
});

it('odd latencies have a place as well', () => {
  const latencies = new Latencies();
  for (const value of [0, -1, Number.NaN, 1e12]) latencies.record(value);
  expect(latencies.count).toBe(4);
  expect(latencies.percentile(0.5)).toBeLessThan(0.001);
  expect(latencies.percentile(1)).toBeGreaterThan(2e6);
  expect(new Latencies().percentile(0.5)).toBe(0);
});

it('recent counts are those of ten seconds, totals those of all time', () => {
  const stats = new Stats();
  stats.at(500).fires += 1;
  stats.at(9_999).fires += 2;
  stats.latency(9_999, 4);
  expect(stats.recent(9_999)).toMatchObject({ fires: 3, latencyMean: 4 });
  expect(stats.recent(10_000).fires).toBe(2);
  expect(stats.recent(18_999).percentiles[0.5]).toBeCloseTo(4, 0);
  expect(stats.recent(19_000)).toMatchObject({ fires: 0, latencyMean: 0 });
  stats.at(1e9).fires += 4;
  expect(stats.totals()).toMatchObject({ fires: 7, successes: 0 });
});
