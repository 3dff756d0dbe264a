import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { behaviours, keyOf, recordedAnswers } from '../../src/engines/conformance/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';
import { seededRandom, testSeed } from '../support/random.ts';
import { differencesOf } from './failover-differences.ts';
import { flavours, runSwitchingBySeed } from './switching.ts';

// A slice of the suite with a change of the home in the middle of each behaviour; all of it, and each call of it, is for
// `npm run conformance -- --engine failover-switching`.
const SLICE = 150;
const seed = testSeed();
const random = seededRandom(seed);
const chosen = random.shuffle(behaviours).slice(0, SLICE);
let server: RedisServer | undefined;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());

describe.concurrent(`failover, switching (seed ${seed})`, () => {
  for (const behaviour of chosen) {
    const key = keyOf(behaviour);
    const flavour = random.pick(flavours);
    it(`${flavour}: ${key}`, async () => {
      const expected = recordedAnswers[key];
      const result = await runSwitchingBySeed(behaviour, expected, flavour, server?.port ?? 0, seed);
      if (differencesOf(flavour)[key] !== undefined) return;
      expect(result.answer, `--seed ${seed} --flavour ${flavour} --at ${result.at}`).toEqual(expected);
    });
  }
});
