import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { behaviours, keyOf, recordedAnswers } from '../../src/engines/conformance/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';
import { seededRandom } from '../support/random.ts';
import { flavours, runSwitchingBySeed } from './switching.ts';
import { differenceOf, staleRules } from './switching-differences.ts';

// A slice of the suite, the same each time, with a change of the home in the middle of each behaviour. All of it, at calls
// of any seed or at every call: `npm run conformance -- --engine failover-switching`.
const SLICE = 90;
const SEED = 1;
const random = seededRandom(SEED);
const chosen = random.shuffle(behaviours).slice(0, SLICE);
let server: RedisServer | undefined;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());

describe.concurrent(`failover, switching (seed ${SEED})`, () => {
  for (const behaviour of chosen) {
    const key = keyOf(behaviour);
    const flavour = random.pick(flavours);
    it(`${flavour}: ${key}`, async () => {
      const expected = recordedAnswers[key];
      const { at, operation, answer } = await runSwitchingBySeed(
        behaviour,
        expected,
        flavour,
        server?.port ?? 0,
        SEED,
      );
      if (differenceOf(flavour, key, operation) !== undefined) return;
      expect(answer, `--filter '${key}' --flavour ${flavour} --at ${at}`).toEqual(expected);
    });
  }
});

it('every known difference is about a behaviour that there is', () => {
  expect(staleRules()).toEqual([]);
});
