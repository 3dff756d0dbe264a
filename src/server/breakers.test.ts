import { fastify } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { createSpillway } from '../index.ts';
import { breakerRoutes } from './breakers.ts';
import type { Authorize } from './route-options.ts';

async function serve(authorize?: Authorize) {
  const spillway = createSpillway({
    sqlite: { file: ':memory:' },
    logger: false,
    handleSignals: false,
    environment: {},
  });
  spillway.breaker('mail 1', async () => 'sent');
  const app = fastify();
  onTestFinished(async () => {
    await app.close();
    await spillway.close();
  });
  await app.register(breakerRoutes, { spillway, ...(authorize === undefined ? {} : { authorize }) });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const setMode = async (name: string, body: unknown) => {
    const response = await fetch(`${url}/api/breakers/${encodeURIComponent(name)}/mode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return [response.status, (await response.json()) as Record<string, unknown>] as const;
  };
  const breakers = async () =>
    ((await (await fetch(`${url}/api/breakers`)).json()) as { breakers: Record<string, unknown> }).breakers;
  return { spillway, setMode, breakers };
}

it('tells how each breaker is doing, and changes a mode', async () => {
  const { spillway, setMode, breakers } = await serve(() => true);
  const breaker = spillway.breakers.get('mail 1');
  const changes: unknown[] = [];
  breaker.on('mode', change => changes.push(change));
  await breaker.fire();
  expect(await breakers()).toEqual({
    'mail 1': expect.objectContaining({ state: 'closed', mode: 'automatic', successes: 1 }),
  });
  const [status, stats] = await setMode('mail 1', { mode: 'forced-open', by: 'ada', reason: 'bill unpaid' });
  expect([status, stats.mode, stats.state, stats.reason]).toEqual([200, 'forced-open', 'open', 'forced']);
  expect(changes).toEqual([{ mode: 'forced-open', previous: 'automatic', by: 'ada', reason: 'bill unpaid' }]);
});

it.each([
  ['an unknown breaker', 'x', { mode: 'disabled' }, 404],
  ['an unknown mode', 'mail 1', { mode: 'off' }, 400],
  ['no mode', 'mail 1', {}, 400],
  ['a line break', 'mail 1', { mode: 'disabled', by: 'ada\nroot' }, 400],
  ['a long reason', 'mail 1', { mode: 'disabled', reason: 'x'.repeat(501) }, 400],
])('%s is refused', async (_name, breaker, body, expected) => {
  const { setMode, spillway } = await serve(() => true);
  expect((await setMode(breaker, body))[0]).toBe(expected);
  expect(spillway.breakers.get('mail 1').mode).toBe('automatic');
});

it.each([
  ['nobody may, where nobody was asked', undefined],
  ['who may not is refused', () => false],
])('%s', async (_name, authorize) => {
  const { setMode, spillway, breakers } = await serve(authorize);
  const [status, { code }] = await setMode('mail 1', { mode: 'disabled' });
  expect([status, code]).toEqual([403, 'NOT_AUTHORIZED']);
  expect(spillway.breakers.get('mail 1').mode).toBe('automatic');
  expect(Object.keys(await breakers())).toEqual(['mail 1']);
});
