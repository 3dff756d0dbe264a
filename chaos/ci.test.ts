/** The short subset of `npm run chaos` that runs with every test run. The whole matrix is run on demand. */
import { describe, expect, it } from 'vitest';
import { testSeed } from '../test/support/random.ts';
import { hang } from './faults/hung.ts';
import { faultNamed } from './faults/index.ts';
import type { Fault } from './harness/fault.ts';
import { runFault } from './harness/run-fault.ts';

/** Other tests want the processor too: here a call that waits for Redis is found, not one that is a little late. */
const LATENESS_MS = 5000;

const SUBSET: readonly Fault[] = [
  { ...faultNamed('kill-aof-always'), lastsMs: [1000, 1000] },
  hang(3),
  faultNamed('flushall'),
  { ...faultNamed('out-of-memory'), lastsMs: [1500, 1500] },
];

describe('the failover engine', () => {
  it.each(SUBSET)('loses nothing: $title', { timeout: 180_000 }, async fault => {
    const seed = testSeed();
    const result = await runFault(fault, {
      engine: 'failover',
      seed,
      seconds: 1,
      idempotent: false,
      latenessMs: LATENESS_MS,
    });
    const again = `npm run chaos -- --seconds 1 --seed ${seed} --fault ${fault.name}`;
    expect(result.reasons, `${again}\n${result.notes.join('\n')}`).toEqual([]);
    expect(result.verdict).toBe('ok');
  });
});
