/** The runner on plain BullMQ, which keeps some promises and breaks others: it must tell which. */
import { describe, expect, it } from 'vitest';
import { testSeed } from '../test/support/random.ts';
import { faultNamed } from './faults/index.ts';
import { runFault } from './harness/run-fault.ts';

const seed = testSeed();
const run = (name: string, latenessMs?: number) =>
  runFault(faultNamed(name), {
    engine: 'redis',
    seed,
    seconds: 0.5,
    idempotent: false,
    ...(latenessMs === undefined ? {} : { latenessMs }),
  });

describe('chaos on plain BullMQ', () => {
  it('finds nothing wrong with replies that are a little late', { timeout: 120_000 }, async () => {
    // Other tests want the processor too.
    const result = await run('latency', 10_000);
    expect(result, `seed ${seed}`).toMatchObject({ verdict: 'ok', reasons: [] });
    expect(result.facts?.acknowledged).toBeGreaterThan(50);
    // The replies really came through the proxy: none was faster than that while it lasted.
    expect(result.facts?.longestAddMs).toBeGreaterThan(49);
  });

  it('finds that adds wait for a killed Redis, and that nothing is lost', { timeout: 120_000 }, async () => {
    const result = await run('kill-aof-always');
    expect(result, `seed ${seed}`).toMatchObject({ verdict: 'FAILED', facts: { lost: [] } });
    expect(result.reasons.join('\n')).toMatch(/^an add took [\d.]+ ms, over its 500 ms$/m);
    expect(result.facts?.processed).toBeGreaterThanOrEqual(result.facts?.acknowledged ?? 1);
  });

  it('finds what FLUSHALL loses', { timeout: 120_000 }, async () => {
    const result = await run('flushall');
    expect(result.verdict, `seed ${seed}`).toBe('FAILED');
    expect(result.reasons.join('\n')).toMatch(/\d+ acknowledged jobs were lost: producer/);
    expect(result.facts?.lost.length).toBeGreaterThan(0);
  });

  it('skips what needs a standby, and says so', async () => {
    expect(await run('drain')).toMatchObject({
      verdict: 'skipped',
      reasons: ['this engine has no standby'],
    });
  });
});
