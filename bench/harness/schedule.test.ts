import { describe, expect, it } from 'vitest';
import { roundOrder } from './schedule.ts';

describe('roundOrder', () => {
  it('interleaves the contenders and alternates who goes first', () => {
    expect([0, 1, 2].map(round => roundOrder(['a', 'b'], round).join(''))).toEqual(['ab', 'ba', 'ab']);
  });
});
