import { expect, it } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { Deadlines } from './deadlines.ts';

it('calls those that were not met, in their order, and none that was', async () => {
  const deadlines = new Deadlines(5, systemClock);
  const expired: number[] = [];
  await new Promise<void>(resolve => {
    for (let at = 0; at < 100; at++) {
      const met = deadlines.set(() => (at === 99 ? resolve() : expired.push(at)));
      if (at % 3 === 0 && at !== 99) met();
    }
  });
  expect(expired).toEqual(Array.from({ length: 99 }, (_, at) => at).filter(at => at % 3 !== 0));
  // It goes on after all were met.
  await new Promise<void>(resolve => deadlines.set(resolve));
  deadlines.close();
});

it('calls one that is nearer before those that were set earlier', async () => {
  const deadlines = new Deadlines(3_600_000, systemClock);
  const expired: string[] = [];
  deadlines.set(() => expired.push('far'));
  await new Promise<void>(resolve => deadlines.set(resolve, 5));
  // Nor does a farther one delay the next.
  await new Promise<void>(resolve => {
    deadlines.set(() => resolve(), 10);
    deadlines.set(() => expired.push('near'), 5);
  });
  expect(expired).toEqual(['near']);
  deadlines.close();
  expect(expired).toEqual(['near', 'far']);
});

it('keeps none that was met for as long as it lasts', () => {
  const deadlines = new Deadlines(3_600_000, systemClock);
  deadlines.set(() => {});
  for (let at = 0; at < 100_000; at++) deadlines.set(() => {})();
  expect(deadlines.size).toBeLessThan(5_000);
  deadlines.close();
});

it('closed, lets all expire at once, and those that are set later', async () => {
  const deadlines = new Deadlines(3_600_000, systemClock);
  const expired: string[] = [];
  deadlines.set(() => expired.push('before'));
  deadlines.close();
  expect(expired).toEqual(['before']);
  await new Promise<void>(resolve => deadlines.set(resolve));
});
