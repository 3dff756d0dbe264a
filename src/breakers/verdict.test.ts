import { expect, it, vi } from 'vitest';
import { codeOf, handDriven } from '../../test/breakers/hand-driven.ts';
import type { Verdict } from './verdict.ts';

const down = new Error('down');

/** What users' judges give when the compiler does not look: opossum's errorFilter, a forgotten return, an async function. */
it.each<[string, unknown]>([
  ['true', true],
  ['false', false],
  ['nothing', undefined],
  ['null', null],
  ['a number', 1],
  ['a word nobody knows', 'fail'],
  ['a promise', Promise.resolve('success')],
  ['an object without coolDownMs', { coolDown: 5 }],
  ['a pause that is no number', { coolDownMs: '5000' }],
])('a judge that gives %s judges it a failure, and every call settles', async (_name, verdict) => {
  const { breaker, calls } = handDriven({ minimumCalls: 2, classify: () => verdict as Verdict });
  for (const expected of ['closed', 'open']) {
    const outcome = codeOf(breaker.fire('x'));
    calls.at(-1)!.reject(down);
    expect(await outcome).toBe(down);
    expect(breaker.state).toBe(expected);
  }
  expect(breaker.stats).toMatchObject({ failures: 2, reason: 'failures', running: 0 });
});

it('a judge of results that gives nonsense judges a failure, too', async () => {
  const { breaker, calls } = handDriven({ classifyResult: () => undefined as unknown as Verdict });
  const fired = breaker.fire('x');
  calls[0]!.resolve();
  expect(await fired).toBe('x!');
  expect(breaker.stats).toMatchObject({ failures: 1, running: 0 });
});

it.each([
  ['no number', Number.NaN, 30_000],
  ['for ever', Number.POSITIVE_INFINITY, 60_000],
  ['less than none', -5_000, 0],
])('a pause of %s ends', async (_name, coolDownMs, openForMs) => {
  const { breaker, calls, world } = handDriven({
    ...{ openMs: 30_000, maxCoolDownMs: 60_000 },
    classify: () => ({ coolDownMs }),
  });
  const opened = vi.fn();
  breaker.on('open', opened);
  const outcome = codeOf(breaker.fire('x'));
  calls[0]!.reject(down);
  await outcome;
  expect(opened).toHaveBeenCalledExactlyOnceWith({ reason: 'cool-down', openForMs });
  await world.pass(openForMs);
  const probe = breaker.fire('x');
  calls[1]!.resolve();
  await probe;
  expect(breaker.state).toBe('closed');
});
