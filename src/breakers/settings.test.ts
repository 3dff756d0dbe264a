import { expect, it, onTestFinished } from 'vitest';
import { Breaker } from './breaker.ts';

const make = (options: object) => new Breaker('b', async () => {}, options);

const duration = 'must be milliseconds above 0 up to 2147483647';

it.each([
  [{ timeoutMs: 0 }, `Option timeoutMs of breaker "b" ${duration}, or false; received 0`],
  [{ timeoutMs: '10' }, `Option timeoutMs of breaker "b" ${duration}, or false; received '10'`],
  [{ timeoutMs: Number.NaN }, 'received NaN'],
  [{ timeoutMs: 2 ** 31 }, 'received 2147483648'],
  [{ openMs: Number.POSITIVE_INFINITY }, 'received Infinity'],
  [{ window: { calls: 0 } }, 'must be { calls: 1 to 1000000 } or { ms: 1 to 86400000, buckets: 1 to 1000 }'],
  [{ window: { calls: 5, ms: 5 } }, 'received { calls: 5, ms: 5 }'],
  [{ window: { ms: 1000, buckets: 1.5 } }, 'window'],
  [{ window: 10 }, 'window'],
  [
    { minimumCalls: 11, window: { calls: 10 } },
    'a whole number from 1 to 10, the calls of its window; received 11',
  ],
  [{ failurePercent: 0 }, 'a percentage above 0 up to 100; received 0'],
  [{ slowPercent: 101 }, 'a percentage above 0 up to 100; received 101'],
  [{ openJitter: 1.1 }, 'a number from 0 to 1; received 1.1'],
  [{ openFactor: 0.5 }, 'a number from 1 to 100; received 0.5'],
  [{ openMaxMs: 10 }, 'openMaxMs of breaker "b" must be milliseconds from openMs (30000) up; received 10'],
  [{ probes: 0 }, 'probes'],
  [{ concurrency: 1.5 }, 'a whole number from 1 up, or Infinity; received 1.5'],
  [{ queueSize: -1 }, 'a whole number from 0 to 1000000; received -1'],
  [{ attempts: 0 }, 'attempts'],
  [{ mode: 'off' }, 'automatic, forced-open, disabled, metrics-only'],
  [{ preset: 'slow' }, 'quick, ai, file, database, http'],
  [{ classify: 'failure' }, "must be a function; received 'failure'"],
  [{ withContext: 1 }, 'withContext'],
  [
    { timeout: 3_000 },
    "absent: there is no such option (opossum's timeout is timeoutMs here); received 3000",
  ],
  [{ treshold: 1 }, 'absent: there is no such option (there are timeoutMs, window'],
])('%j is refused', (options, message) => {
  expect(() => make(options)).toThrow(message);
});

it.each(['', 'a/b', 'a\nb', 'x'.repeat(101), 7])('the name %j is refused', name => {
  expect(() => new Breaker(name as string, async () => {})).toThrow('The name of a breaker must be');
});

it.each([undefined, null, 'ask', {}])('a breaker of no function, but %j, is refused', action => {
  expect(() => new Breaker('b', action as never)).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_INVALID_OPTION',
      message: expect.stringContaining('The function of breaker "b" must be a function; received'),
    }),
  );
});

it('limits move with what they bound, unless they are given', () => {
  const breaker = make({ preset: 'database', openMs: 120_000, window: { calls: 3 }, timeoutMs: undefined });
  onTestFinished(() => breaker.shutdown());
  expect(breaker.timeoutMs).toBe(10_000);
  expect(() => breaker.configure({ minimumCalls: 4 })).toThrow('1 to 3');
  breaker.configure({ openMs: 900_000, retryMs: 60_000 });
  expect(() => breaker.configure({ openMaxMs: 1 })).toThrow('from openMs (900000) up');
  expect(() => breaker.configure({ mode: 'disabled' } as object)).toThrow('Option mode of breaker "b"');
});

it('what is in an option that nobody knows is not shown: it may be a secret', () => {
  const options = { apiKey: 'sk-live-1', headers: { authorization: 'sk-live-2' } };
  for (const [option, value] of Object.entries(options)) {
    const making = () => make({ [option]: value });
    expect(making).toThrow(`Option ${option} of breaker "b" must be absent`);
    expect(making).not.toThrow('sk-live');
  }
});
