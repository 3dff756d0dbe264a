import { expect, it } from 'vitest';
import { seededRandom, testSeed } from '../support/random.ts';
import { runModel } from './model.ts';

// A short slice; `npm run cache-model` runs it for as long as you like.
it.each(['shared', 'own'] as const)('reads nothing too old, with %s journals', async journals => {
  const seed = testSeed();
  const report = await runModel({ random: seededRandom(seed), ms: 4_000, journals });
  expect(report.violations, `seed ${seed}, ${JSON.stringify(report.faults)}`).toEqual([]);
  expect(report.reads).toBeGreaterThan(100);
  expect(report.writes).toBeGreaterThan(10);
});
