import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../../test/support/random.ts';
import { countedRow, NAMED_ROWS } from './rows.ts';

fc.configureGlobal({ seed: testSeed() });

const LAST = 2 ** 37 - 1;
const LAST_QUEUE = 2 ** 15 - 1;

describe('countedRow', () => {
  it.each([
    [1, '1', 2 ** 37 + 1],
    [1, '9', 2 ** 37 + 9],
    [3, '10', 3 * 2 ** 37 + 10],
    [1, String(LAST), 2 * 2 ** 37 - 1],
    [LAST_QUEUE, String(LAST), NAMED_ROWS - 1],
  ])('queue %i, id %s: row %i', (queue, id, row) => {
    expect(countedRow(queue, id)).toBe(row);
  });

  it.each([
    ['more than a queue can count', 1, String(LAST + 1)],
    ['thirteen digits', 1, '1000000000000'],
    ['fourteen digits', 1, '12345678901234'],
    ['so many digits that a number loses some', 1, '99999999999999999999'],
    ['zero', 1, '0'],
    ['a leading zero', 1, '007'],
    ['nothing', 1, ''],
    ['a sign', 1, '-1'],
    ['a plus', 1, '+1'],
    ['a fraction', 1, '1.5'],
    ['an exponent', 1, '1e3'],
    ['hexadecimal', 1, '0x10'],
    ['a space', 1, ' 1'],
    ['a space behind', 1, '1 '],
    ['digits of another script', 1, '١٢'],
    ['one queue too many', LAST_QUEUE + 1, '1'],
  ])('%s: a named job', (_what, queue, id) => {
    expect(countedRow(queue, id)).toBeUndefined();
  });

  it('gives each queue and number a row of its own, exact and below the named ones', () => {
    const queues = fc.integer({ min: 1, max: LAST_QUEUE });
    const numbers = fc.integer({ min: 1, max: LAST });
    fc.assert(
      fc.property(queues, numbers, (queue, n) => {
        const row = countedRow(queue, String(n)) ?? -1;
        expect(Number.isSafeInteger(row)).toBe(true);
        expect(row).toBeLessThan(NAMED_ROWS);
        expect([Math.floor(row / 2 ** 37), row % 2 ** 37]).toEqual([queue, n]);
      }),
    );
  });

  it('takes only what the counter could have written', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.integer().map(String), fc.stringMatching(/^[0-9 .+-]{1,14}$/)),
        id => {
          const row = countedRow(7, id);
          if (row !== undefined) expect(String(row - 7 * 2 ** 37)).toBe(id);
        },
      ),
    );
  });
});
