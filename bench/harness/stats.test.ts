import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitLine, median, percentile } from './stats.ts';

describe('median', () => {
  it('takes the middle of an odd count, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('takes the mean of the two middle values of an even count', () => {
    expect(median([10, 1, 2, 3])).toBe(2.5);
  });

  it('sorts as numbers, not as text', () => {
    expect(median([100, 20, 3])).toBe(20);
  });

  it('refuses an empty list', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('is the nearest rank', () => {
    expect(percentile(hundred, 50)).toBe(50);
    expect(percentile(hundred, 99)).toBe(99);
    expect(percentile(hundred, 100)).toBe(100);
    expect(percentile(hundred, 0.5)).toBe(1);
  });

  it('is the only sample when there is one', () => {
    expect(percentile([7], 99)).toBe(7);
  });

  it('is always a sample that enough of the samples do not exceed', () => {
    const samples = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 100 }), (values, percent) => {
        const found = percentile(values, percent);
        const within = values.filter(value => value <= found).length;
        const below = values.filter(value => value < found).length;
        expect(values).toContain(found);
        expect(within / values.length).toBeGreaterThanOrEqual(percent / 100);
        expect(below / values.length).toBeLessThan(percent / 100);
      }),
    );
  });

  it('refuses a percentage out of range', () => {
    expect(() => percentile([1], 0)).toThrow(RangeError);
    expect(() => percentile([1], 101)).toThrow(RangeError);
  });
});

describe('fitLine', () => {
  it('finds the line the points lie on', () => {
    const line = fitLine([
      { x: 0, y: 3 },
      { x: 1, y: 5 },
      { x: 4, y: 11 },
    ]);
    expect(line.slope).toBeCloseTo(2);
    expect(line.at(10)).toBeCloseTo(23);
  });

  it('calls a level series flat though it jitters', () => {
    const points = Array.from({ length: 100 }, (_, x) => ({ x, y: 50 + (x % 2 === 0 ? 1 : -1) }));
    expect(Math.abs(fitLine(points).slope)).toBeLessThan(0.01);
  });

  it('refuses points that fix no line', () => {
    expect(() => fitLine([{ x: 1, y: 1 }])).toThrow(RangeError);
    expect(() => fitLine([])).toThrow(RangeError);
  });
});
