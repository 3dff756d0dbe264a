import { describe, expect, it } from 'vitest';
import { jobDataBytes, jobDataSource } from './payload.ts';

describe('jobDataSource', () => {
  it.each([0, 1, 63, 64, 999, 1_999_999])('makes job %i exactly 300 bytes of JSON', seq => {
    const data = jobDataSource(7)(seq);
    expect(data.seq).toBe(seq);
    expect(Buffer.byteLength(JSON.stringify(data))).toBe(jobDataBytes);
  });

  it('repeats itself for the same seed and differs for another', () => {
    expect(jobDataSource(7)(3)).toEqual(jobDataSource(7)(3));
    expect(jobDataSource(8)(3)).not.toEqual(jobDataSource(7)(3));
  });
});
