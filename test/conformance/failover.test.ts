import { deepEqual, notDeepEqual } from 'node:assert/strict';
import { afterAll, describe, expect, it } from 'vitest';
import recorded from '../../src/engines/conformance/answers.json' with { type: 'json' };
import { answerOf, behaviours, conformance, type Json, keyOf } from '../../src/engines/conformance/index.ts';
import { NOT_ON_STANDBY } from './failover-differences.ts';
import { startFailover } from './failover-engines.ts';

const answers = recorded as Readonly<Record<string, Json>>;
/** For a behaviour known to differ; one of them would wait for ever. In ms. */
const SHORT_MS = 3_000;

const healthy = await startFailover('failover', 'primary');
const away = await startFailover('failover, on standby', 'standby');
afterAll(async () => {
  await healthy.stop();
  await away.stop();
});

conformance({ describe, it, engine: healthy.engine });

describe('failover, on standby', () => {
  for (const behaviour of behaviours) {
    const key = keyOf(behaviour);
    if (NOT_ON_STANDBY.has(key)) {
      it(`${key} (differs)`, async () => {
        const answer = await answerOf(behaviour, away.engine, SHORT_MS).catch(error => String(error));
        notDeepEqual(answer, answers[key]);
      });
    } else {
      it(key, async () => deepEqual(await answerOf(behaviour, away.engine), answers[key]));
    }
  }

  it('has no known difference that is none of the behaviours', () => {
    const keys = new Set(behaviours.map(keyOf));
    expect([...NOT_ON_STANDBY].filter(key => !keys.has(key))).toEqual([]);
  });
});
