import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { resolveOptions } from './options.ts';

// What is refused: test/sqlite-faults/bad-files.test.ts.

it('fills in the defaults and makes the path absolute', () => {
  expect(resolveOptions({ file: 'q.db' })).toEqual({
    file: resolve('q.db'),
    durability: 'full',
    busyTimeoutMs: 10_000,
  });
});

it('keeps what is given, and no more', () => {
  const given = { file: '/data/q.db', durability: 'normal', busyTimeoutMs: 100, host: 'ignored' };
  expect(resolveOptions(given)).toEqual({ file: '/data/q.db', durability: 'normal', busyTimeoutMs: 100 });
});

it('knows ":memory:", which is no path', () => {
  expect(resolveOptions({ file: ':memory:' }).file).toBe(':memory:');
  expect(resolveOptions({ file: './:memory:' }).file).toBe(resolve(':memory:'));
});

it.each([100, 600_000])('takes busyTimeoutMs %i, the ends of its range', busyTimeoutMs => {
  expect(resolveOptions({ file: 'q.db', busyTimeoutMs }).busyTimeoutMs).toBe(busyTimeoutMs);
});
