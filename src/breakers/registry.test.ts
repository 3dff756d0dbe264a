import { expect, it, onTestFinished } from 'vitest';
import { collectLog } from '../../test/runtime/collect-log.ts';
import { BreakerRegistry } from './registry.ts';

function registry() {
  const log = collectLog();
  const breakers = new BreakerRegistry(log.logger);
  onTestFinished(() => breakers.close());
  return { breakers, lines: log.lines };
}

const fn = async (id: number) => id;

it('gives the same breaker for the same name, function and options, and refuses any other', () => {
  const { breakers } = registry();
  const options = { timeoutMs: 50, window: { calls: 5 } };
  const breaker = breakers.breaker('b', fn, options);
  expect(breakers.breaker('b', fn, { timeoutMs: 50, window: { calls: 5 } })).toBe(breaker);
  expect(breakers.get('b')).toBe(breaker);
  for (const again of [
    () => breakers.breaker('b', fn, { timeoutMs: 51, window: { calls: 5 } }),
    () => breakers.breaker('b', fn),
    () => breakers.breaker('b', async (id: number) => id, options),
  ]) {
    expect(again).toThrow(expect.objectContaining({ code: 'SPILLWAY_BREAKER_EXISTS' }));
  }
  breaker.shutdown();
  expect(breakers.breaker('b', fn)).not.toBe(breaker);
});

it('knows the types of a function, with and without a context', async () => {
  const { breakers } = registry();
  const plain = breakers.breaker('plain', (id: number, name: string) => `${id} ${name}`);
  const answer: string = await plain.fire(1, 'a');
  const aware = breakers.breaker('aware', async ({ attempt }, id: number) => attempt + id, {
    withContext: true,
  });
  const sum: number = await aware.fire(2);
  expect([answer, sum]).toEqual(['1 a', 3]);
});

it('changes modes by name, and says all that happens in the log, with nothing secret', async () => {
  const { breakers, lines } = registry();
  const events: unknown[] = [];
  for (const event of ['open', 'close', 'alert', 'mode'] as const) {
    breakers.on(event, (name: string) => events.push([event, name]));
  }
  const breaker = breakers.breaker(
    'api',
    async () => {
      throw Object.assign(new Error('no'), { status: 401 });
    },
    { openMs: 60_000, openJitter: 0 },
  );
  await breaker.fire().catch(() => undefined);
  breaker.close();
  breakers.setMode('api', 'disabled', { by: 'ada', reason: 'trial' });
  breaker.configure({ timeoutMs: 5 });
  expect(() => breakers.setMode('other', 'disabled')).toThrow(
    'There is no breaker "other" in this process; known are: api',
  );
  expect(() => breakers.setMode('api', 'off' as 'disabled')).toThrow('Option mode of breaker "api"');
  expect(lines.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'Breaker api opened for 60000 ms: credentials'],
    ['error', 'The service behind breaker api refuses every call: check its key, its payment and its rights'],
    ['info', 'Breaker api closed'],
    ['warn', 'Breaker api is disabled, was automatic (by ada: trial)'],
    ['info', 'Breaker api has other settings: timeoutMs'],
  ]);
  expect(events).toEqual(['open', 'alert', 'close', 'mode'].map(event => [event, 'api']));
  expect(breakers.stats().api).toMatchObject({ mode: 'disabled', totals: { failures: 1 } });
});

it('shuts all down, and makes no more', async () => {
  const { breakers } = registry();
  const breaker = breakers.breaker('b', fn);
  breakers.close();
  await expect(breaker.fire(1)).rejects.toMatchObject({ code: 'SPILLWAY_CLOSED' });
  expect(() => breakers.breaker('c', fn)).toThrow(expect.objectContaining({ code: 'SPILLWAY_CLOSED' }));
  expect(() => breakers.get('b')).toThrow(expect.objectContaining({ code: 'SPILLWAY_UNKNOWN_BREAKER' }));
});
