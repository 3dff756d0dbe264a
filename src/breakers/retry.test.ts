import { expect, it, onTestFinished, vi } from 'vitest';
import { codeOf, handDriven } from '../../test/breakers/hand-driven.ts';
import { ManualWorld } from '../../test/breakers/manual-world.ts';
import { backoffMs } from './backoff.ts';
import { Breaker } from './breaker.ts';

/** An inner breaker that would try three times. */
function inner(world: ManualWorld) {
  let calls = 0;
  const breaker = new Breaker(
    'inner',
    () => Promise.reject(new Error(`call ${++calls}`)),
    { attempts: 3, minimumCalls: 100 },
    world,
  );
  onTestFinished(() => breaker.shutdown());
  return breaker;
}

it('a breaker that does not try again leaves that to the one inside it, also when it has a fallback', async () => {
  const world = new ManualWorld();
  const tries = inner(world);
  const outer = new Breaker('outer', () => tries.fire(), { fallback: error => String(error) }, world);
  onTestFinished(() => outer.shutdown());
  const outcome = outer.fire();
  await world.pass(60_000);
  expect(await outcome).toBe('Error: call 3');
});

it('what was begun in a retry loop and goes on after it has a loop of its own', async () => {
  const world = new ManualWorld();
  const tries = inner(world);
  let later: Promise<unknown> = Promise.resolve();
  const outer = new Breaker(
    'outer',
    async () => {
      later = new Promise(resolve => world.after(1_000, () => resolve(undefined))).then(() =>
        codeOf(tries.fire()),
      );
    },
    { attempts: 2 },
    world,
  );
  onTestFinished(() => outer.shutdown());
  await outer.fire();
  await world.pass(60_000);
  expect(await later).toEqual(new Error('call 3'));
});

it('a result that is a failure is tried again; the last one is handed on as it is', async () => {
  const { breaker, calls, world } = handDriven({
    ...{ attempts: 3, minimumCalls: 10, retryMs: 100, retryJitter: 0 },
    classifyResult: result => (result === 'bad' ? 'failure' : 'success'),
  });
  const retried = vi.fn();
  breaker.on('retry', retried);
  const recovers = breaker.fire('a');
  calls[0]!.resolve('bad');
  await world.pass(100);
  calls[1]!.resolve('good');
  expect(await recovers).toBe('good');
  expect(retried).toHaveBeenCalledExactlyOnceWith('bad', 2);

  const stays = breaker.fire('b');
  for (let attempt = 2; attempt < 5; attempt += 1) {
    calls[attempt]!.resolve('bad');
    await world.pass(10_000);
  }
  expect(await stays).toBe('bad');
  expect([calls.length, breaker.stats.totals.retries]).toEqual([5, 3]);
});

it('jitter makes no wait longer than the longest', () => {
  const backoff = { ms: 1_000, factor: 2, maxMs: 5_000, jitter: 0.5 };
  expect([1, 2, 9].map(n => backoffMs(backoff, n, 0.999))).toEqual([
    expect.closeTo(1_499),
    expect.closeTo(2_998),
    5_000,
  ]);
  expect(backoffMs(backoff, 9, 0)).toBe(2_500);
  expect(backoffMs(backoff, 5_000, 0.5)).toBe(5_000);
});

it.each(['disabled', 'metrics-only'] as const)('%s lets in at once who waits for a place', async mode => {
  const { breaker, calls } = handDriven({ concurrency: 1, queueSize: 5 });
  const all = ['a', 'b', 'c'].map(each => breaker.fire(each));
  expect(calls.length).toBe(1);
  void breaker.setMode(mode);
  expect(calls.length).toBe(3);
  for (const call of calls) call.resolve();
  expect(await Promise.all(all)).toEqual(['a!', 'b!', 'c!']);
  expect(breaker.stats).toMatchObject({ running: 0, queued: 0, semaphoreRejections: 0 });
});
