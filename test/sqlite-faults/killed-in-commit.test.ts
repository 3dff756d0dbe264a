/** Fault 21: killed at random moments of adding, claiming and finishing. Two hundred seeds: `npm run faults -- --seeds 200`. */
import { expect, it } from 'vitest';
import { seededRandom, testSeed } from '../support/random.ts';
import { killedRound } from './killed-in-commit.ts';

it('kill -9 at a random moment loses nothing acknowledged and leaves nothing half done', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const rounds = [seed, ...Array.from({ length: 5 }, () => random.int(0, 2 ** 32 - 1))];
  let acknowledged = 0;
  while (rounds.length > 0) {
    // Two at once: one for each of the cores the tests count on.
    const done = await Promise.all(rounds.splice(0, 2).map(killedRound));
    for (const round of done) {
      acknowledged += round.acknowledged;
      expect(round.problems, `replay with SPILLWAY_TEST_SEED=${round.seed}`).toEqual([]);
    }
  }
  expect(acknowledged).toBeGreaterThan(100);
}, 120_000);
