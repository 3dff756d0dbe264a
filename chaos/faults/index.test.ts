import { describe, expect, it } from 'vitest';
import { FAULTS, faultNamed } from './index.ts';

describe('the faults', () => {
  it('cover the rows of the table that are chaos’s', () => {
    const rows = new Set(FAULTS.flatMap(fault => fault.rows));
    const wanted = [...Array.from({ length: 19 }, (_, index) => index + 1), 22, 23, 29, 31];
    expect([...rows].sort((a, b) => a - b)).toEqual(wanted);
  });

  it('have names of their own, found by them', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
    for (const fault of FAULTS) expect(faultNamed(fault.name)).toBe(fault);
    expect(() => faultNamed('hang')).toThrow(/'hang'.*hang-1s/);
  });
});
