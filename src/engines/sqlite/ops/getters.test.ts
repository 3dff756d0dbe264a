import fc from 'fast-check';
import { expect, it } from 'vitest';
import { testSeed } from '../../../../test/support/random.ts';
import { redisWindow } from './getters.ts';

fc.configureGlobal({ seed: testSeed() });

/** LRANGE as Redis does it (t_list.c): both ends count, negative ones from the end, out of range ones are cut. */
function lrange<T>(list: readonly T[], start: number, end: number): T[] {
  const found: T[] = [];
  const first = start < 0 ? list.length + start : start;
  const last = end < 0 ? list.length + end : end;
  for (let index = 0; index < list.length; index++) {
    if (index >= first && index <= last) found.push(list[index] as T);
  }
  return found;
}

it('redisWindow takes what LRANGE takes', () => {
  const index = fc.oneof(fc.integer({ min: -15, max: 15 }), fc.integer());
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 }), index, index, (length, start, end) => {
      const list = Array.from({ length }, (_, item) => item);
      const { offset, size } = redisWindow(start, end, length);
      expect(offset).toBeGreaterThanOrEqual(0);
      expect(size).toBeGreaterThanOrEqual(0);
      expect(list.slice(offset, offset + size)).toEqual(lrange(list, start, end));
    }),
    { numRuns: 2000 },
  );
});
