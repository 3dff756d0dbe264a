import { describe, expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { broken, type Circumstances } from './verdict.ts';

const fine: Facts = {
  acknowledged: 1000,
  rejected: 0,
  hanging: 0,
  processed: 1000,
  lost: [],
  duplicated: [],
  unexpected: [],
  suppressed: 0,
  completedTwice: 0,
  counted: 0,
  uncounted: [],
  recordedAsFailed: 0,
  errors: 0,
  longestAddMs: 480,
  p99OnStandbyMs: 5,
  switchMs: 200,
  firstOnStandbyMs: 300,
  returnMs: 400,
  resumeMs: 500,
  mostSwitches: 1,
  unnoticed: 0,
  earlyReturns: 0,
};
const around: Circumstances = { hasStates: true, idempotent: false, strikes: 1, slots: 20, latenessMs: 100 };
const keys = (count: number) => Array.from({ length: count }, (_, index) => `k${index}`);
const away = { expect: { away: true } } as const;

describe('broken', () => {
  it('finds nothing in a run that went well', () => {
    expect(broken(away, fine, around)).toEqual([]);
  });

  it.each<[string, Partial<Facts>, RegExp]>([
    ['nothing tried', { acknowledged: 0 }, /nothing was tried/],
    ['a loss', { lost: keys(5) }, /^5 acknowledged jobs were lost: k0, k1, k2, \.\.\.$/],
    ['jobs from nowhere', { unexpected: ['ghost'] }, /^1 jobs came from nowhere: ghost$/],
    ['a call that hangs', { hanging: 2 }, /^2 calls of add never settled$/],
    ['a call over its deadline', { longestAddMs: 700.4 }, /an add took 700 ms, over its 500 ms/],
    ['finished jobs recorded as failed', { recordedAsFailed: 1 }, /recorded as failed/],
    ['more duplicates than jobs at work', { duplicated: keys(21) }, /^21 jobs ran twice, 20 may/],
    ['adds that fail', { rejected: 3 }, /^3 adds failed, though there is a standby$/],
    ['flapping', { mostSwitches: 3 }, /left the primary 3 times, 2 are allowed/],
    ['a fault that nobody noticed', { unnoticed: 1 }, /^1 of 1 times no process left the primary$/],
    ['a return to a Redis that is away', { earlyReturns: 1 }, /went back to a Redis that could not be used/],
  ])('finds %s', (_, facts, message) => {
    const found = broken(away, { ...fine, ...facts }, around);
    expect(found).toEqual([expect.stringMatching(message)]);
  });

  it('lets a call be as late as the machine is', () => {
    expect(broken({}, { ...fine, longestAddMs: 590 }, around)).toEqual([]);
  });

  it('bounds duplicates by the jobs at work, by a share, or by none', () => {
    const twenty = { ...fine, duplicated: keys(20) };
    expect(broken({}, twenty, around)).toEqual([]);
    expect(broken({}, { ...fine, duplicated: keys(40) }, { ...around, strikes: 2 })).toEqual([]);
    expect(broken({ expect: { duplicateShare: 0.001 } }, twenty, around)).toEqual([
      expect.stringMatching(/^20 jobs ran twice, 1 may/),
    ]);
    expect(broken({}, { ...fine, duplicated: ['a'] }, { ...around, idempotent: true })).toHaveLength(1);
  });

  it('asks some things of some faults only', () => {
    const facts = { ...fine, completedTwice: 1, unnoticed: 1, mostSwitches: 1 };
    expect(broken({}, facts, around)).toEqual([]);
    expect(broken({ expect: { completedOnce: true, mostSwitches: 0 } }, facts, around)).toHaveLength(2);
  });

  it('asks no states of an engine that has none, and lets it refuse', () => {
    const facts = { ...fine, unnoticed: 1, rejected: 50 };
    expect(broken(away, facts, { ...around, hasStates: false })).toEqual([]);
  });
});
