import { expect, it } from 'vitest';
import { JobIds } from './ids.ts';

const SOURCE = 'fedcba987654';

it('names are 20 characters, no whole number, and without a colon', () => {
  const ids = new JobIds(SOURCE, () => 1_800_000_000_000);
  expect(ids.next()).toMatch(/^[0-9A-Za-z]{10}-[0-9A-Za-z]{9}$/);
});

it('names of one process differ, and sort as they came, also beyond what a millisecond has', () => {
  let now = 1_800_000_000_000;
  const ids = new JobIds(SOURCE, () => now);
  const names = Array.from({ length: 20_000 }, (_, n) => {
    if (n % 700 === 0) now += 0.3;
    return ids.next();
  });
  expect(new Set(names).size).toBe(names.length);
  expect([...names].sort((a, b) => (a < b ? -1 : 1))).toEqual(names);
});

it('a clock that goes back gives no name twice', () => {
  let now = 1_800_000_000_000;
  const ids = new JobIds(SOURCE, () => now);
  const names = Array.from({ length: 9000 }, (_, n) => {
    now = 1_800_000_000_000 + (n % 3 === 0 ? -3_600_000 : n);
    return ids.next();
  });
  expect(new Set(names).size).toBe(names.length);
});

it('later is greater over all of time, and processes differ in every bit of theirs', () => {
  const at = (time: number, source = SOURCE) => new JobIds(source, () => time).next();
  for (const [earlier, later] of [
    [1, 61],
    [61, 62],
    [1_799_999_999_999, 1_800_000_000_000],
    [1_800_000_000_000, 64_000_000_000_000],
  ] as const) {
    expect(at(earlier) < at(later), `${earlier} before ${later}`).toBe(true);
  }
  expect(
    new Set(['000000000000', '000000000001', '800000000000', 'ffffffffffff'].map(s => at(1, s))).size,
  ).toBe(4);
});
