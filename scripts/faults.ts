/**
 * The long runs of the SQLite engine's fault tests: `kill -9` at random moments, a round a seed.
 *
 *   npm run faults                             50 seeds from a fresh one
 *   npm run faults -- --seeds 200              as many as asked
 *   SPILLWAY_TEST_SEED=7 npm run faults -- --seeds 1   one round again
 */
import { parseArgs } from 'node:util';
import { killedRound } from '../test/sqlite-faults/killed-in-commit.ts';
import { seededRandom, testSeed } from '../test/support/random.ts';

/** Rounds at once: each is a process that writes and one that looks. */
const AT_ONCE = 2;

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '50' } } });
const count = Number(values.seeds);
if (!Number.isInteger(count) || count < 1) {
  throw new RangeError(`--seeds must be a whole number from 1; received "${values.seeds}"`);
}
const first = testSeed();
const random = seededRandom(first);
const seeds = [first, ...Array.from({ length: count - 1 }, () => random.int(0, 2 ** 32 - 1))];
console.log(`${count} rounds from seed ${first}`);

let [failed, acknowledged, done] = [0, 0, 0];
async function rounds(): Promise<void> {
  for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
    const round = await killedRound(seed);
    done += 1;
    acknowledged += round.acknowledged;
    if (round.problems.length > 0) {
      failed += 1;
      console.log(`FAILED: SPILLWAY_TEST_SEED=${seed}\n  ${round.problems.slice(0, 20).join('\n  ')}`);
    }
    if (done % 20 === 0) console.log(`${done} rounds, ${acknowledged} acknowledged jobs, ${failed} failed`);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, rounds));
console.log(`${done} rounds, ${acknowledged} acknowledged jobs, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
