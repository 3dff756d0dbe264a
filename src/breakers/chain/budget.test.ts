import { expect, it } from 'vitest';
import { ManualWorld } from '../../../test/breakers/manual-world.ts';
import { createBudget } from './budget.ts';

const call = { chain: 'c', provider: 'p', args: [] as [] };

it('is spent in its window, and free again as that moves on', async () => {
  const world = new ManualWorld();
  const budget = createBudget<[], number>({ limit: 10, windowMs: 1_000, costOf: output => output }, world);
  budget.spent(call, 6);
  await world.pass(500);
  expect(budget.allow(call)).toBe(true);
  // What a call costs is known afterwards: the last one may overshoot.
  budget.spent(call, 6);
  expect([budget.allow(call), budget.spentInWindow]).toEqual([false, 12]);
  await world.pass(500);
  expect([budget.allow(call), budget.spentInWindow]).toEqual([true, 6]);
  await world.pass(3_600_000);
  budget.spent(call, Number.NaN);
  budget.spent(call, -5);
  expect(budget.spentInWindow).toBe(0);
});

it.each([
  [{ limit: 0, windowMs: 1 }, 'Option limit of a budget must be a number above 0; received 0'],
  [{ limit: 1, windowMs: Number.POSITIVE_INFINITY }, 'windowMs'],
])('%j is refused', (options, message) => {
  expect(() => createBudget({ ...options, costOf: () => 1 })).toThrow(message);
});
