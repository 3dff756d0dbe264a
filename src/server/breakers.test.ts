import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fastify } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createSpillway, type SpillwayOptions } from '../index.ts';
import { breakerRoutes } from './breakers.ts';
import type { Authorize } from './route-options.ts';

async function serve(authorize?: Authorize, sqlite: SpillwayOptions['sqlite'] = { file: ':memory:' }) {
  const spillway = createSpillway({
    ...(sqlite && { sqlite }),
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
  ['an unknown breaker', 'x', { mode: 'disabled' }, 404, 'SPILLWAY_UNKNOWN_BREAKER'],
  ['an unknown mode', 'mail 1', { mode: 'off' }, 400, 'SPILLWAY_INVALID_OPTION'],
  ['a mode that every object has', 'mail 1', { mode: 'constructor' }, 400, 'SPILLWAY_INVALID_OPTION'],
  ['a line break', 'mail 1', { mode: 'disabled', by: 'ada\nroot' }, 400, 'SPILLWAY_INVALID_OPTION'],
  ['a long reason', 'mail 1', { mode: 'disabled', reason: 'x'.repeat(501) }, 400, 'SPILLWAY_INVALID_OPTION'],
  ['no time', 'mail 1', { mode: 'disabled', expiresIn: 'soon' }, 400, 'SPILLWAY_INVALID_OPTION'],
  ['no mode', 'mail 1', {}, 400, 'INVALID_REQUEST'],
  ['a list of modes', 'mail 1', { mode: ['disabled'] }, 400, 'INVALID_REQUEST'],
  ['a misspelt field', 'mail 1', { mode: 'disabled', expires: '5m' }, 400, 'INVALID_REQUEST'],
  ['no object', 'mail 1', null, 400, 'INVALID_REQUEST'],
])('%s is refused', async (_name, breaker, body, expected, expectedCode) => {
  const { setMode, spillway } = await serve(() => true);
  const [status, { code }] = await setMode(breaker, body);
  expect([status, code]).toEqual([expected, expectedCode]);
  expect(spillway.breakers.get('mail 1').mode).toBe('automatic');
});

it('null takes a mode away that was set by hand', async () => {
  const { spillway, setMode } = await serve(() => true);
  await setMode('mail 1', { mode: 'disabled', expiresIn: 60_000 });
  const breaker = spillway.breakers.get('mail 1');
  expect(breaker.override).toMatchObject({ mode: 'disabled', expiresAt: expect.any(Number) });
  expect(await setMode('mail 1', { mode: null })).toEqual([
    200,
    expect.objectContaining({ mode: 'automatic' }),
  ]);
  expect(breaker.override).toBeUndefined();
});

it('503 when it holds in this process only', async () => {
  const file = join(tempDir('breaker-routes'), 'jobs.db');
  const { spillway, setMode } = await serve(() => true, { file, busyTimeoutMs: 100 });
  await spillway.breakers.setMode('mail 1', 'metrics-only');
  const other = new DatabaseSync(file);
  onTestFinished(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const [status, { code }] = await setMode('mail 1', { mode: 'disabled' });
  expect([status, code]).toEqual([503, 'SPILLWAY_BREAKER_MODE_NOT_KEPT']);
  expect(spillway.breakers.get('mail 1').mode).toBe('disabled');
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

it('without options is refused by name', async () => {
  await expect(breakerRoutes(fastify(), undefined as never)).rejects.toMatchObject({
    code: 'SPILLWAY_INVALID_OPTION',
    message: expect.stringContaining('as in app.register(routes, { spillway })'),
  });
});
