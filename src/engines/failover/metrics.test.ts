import { describe, expect, it } from 'vitest';
import { addMetrics, type Metrics } from './metrics.ts';

const minute = 60_000;
const at = (minutes: number) => String(minutes * minute + 5_000);

describe('addMetrics', () => {
  it('adds the points of the same minutes', () => {
    const primary: Metrics = [['30', at(10), '20'], ['5', '4', '3'], 3];
    const standby: Metrics = [['7', at(9), '6'], ['2', '1'], 2];
    const sum: Metrics = [['37', at(10), '26'], ['5', '6', '4'], 3];
    expect(addMetrics(primary, standby)).toEqual(sum);
    expect(addMetrics(standby, primary)).toEqual(sum);
  });

  it('reaches as far back as the older one', () => {
    const primary: Metrics = [['2', at(10), '1'], ['1'], 1];
    const standby: Metrics = [['9', at(8), '8'], ['8'], 1];
    expect(addMetrics(primary, standby)).toEqual([['11', at(10), '9'], ['1', '0', '8'], 3]);
  });

  it('takes one that never had a point for what it counted', () => {
    const standby: Metrics = [['3', at(4), '0'], [], 0];
    expect(addMetrics([[], [], 0], standby)).toEqual([['3', at(4), '0'], [], 0]);
  });
});
