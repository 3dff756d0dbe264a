import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitWindow } from './windows.ts';

const lengths = fc.array(fc.nat(6), { minLength: 1, maxLength: 3 });
const place = fc.integer({ min: -15, max: 15 });

describe('splitWindow', () => {
  it('gives each list the part that lies in the window of the whole', () => {
    fc.assert(
      fc.property(lengths, place, place, (sizes, start, end) => {
        const lists = sizes.map((size, list) => Array.from({ length: size }, (_, at) => `${list}:${at}`));
        const whole = lists.flat();
        const from = start < 0 ? Math.max(0, whole.length + start) : start;
        const to = end < 0 ? whole.length + end : end;
        const windows = splitWindow(start, end, sizes);
        const parts = windows.map((window, list) =>
          window === undefined ? [] : (lists[list] ?? []).slice(window[0], window[1] + 1),
        );
        expect(parts.flat()).toEqual(to < from ? [] : whole.slice(from, to + 1));
        // What is asked for exists: Redis takes numbers below 0 for something else.
        for (const [from = 0, to = 0] of windows.filter(window => window !== undefined)) {
          expect(from).toBeGreaterThanOrEqual(0);
          expect(to).toBeGreaterThanOrEqual(from);
        }
      }),
    );
  });
});
