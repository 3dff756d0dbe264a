import { parseArgs } from 'node:util';
import { runModel } from '../test/cache/model.ts';
import { seededRandom } from '../test/support/random.ts';

/**
 * Three processes with a cache each, and a Redis that is killed, hung, flushed and restarted: `npm run cache-model -- [--seed n]
 * [--seconds 60] [--rounds 1]`. Prints what was read, and how old it was at worst; exit code 1 when that was too old.
 */
const { values } = parseArgs({
  options: { seed: { type: 'string' }, seconds: { type: 'string' }, rounds: { type: 'string' } },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(values.seconds ?? 60);

for (let round = 0; round < Number(values.rounds ?? 1); round++) {
  for (const journals of ['shared', 'own'] as const) {
    const seed = first + round;
    const report = await runModel({ random: seededRandom(seed), ms: seconds * 1_000, journals });
    console.log(`seed ${seed}, ${journals} journals:`, JSON.stringify(report));
    if (report.violations.length > 0) process.exitCode = 1;
  }
}
