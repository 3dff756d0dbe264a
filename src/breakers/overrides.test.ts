import { expect, it, onTestFinished } from 'vitest';
import { ManualWorld } from '../../test/breakers/manual-world.ts';
import { Breaker } from './breaker.ts';
import { createBreaker } from './registry.ts';

const answer = async () => 'answer';

it('ends by itself where nothing keeps it either, and keeps no process alive for it', async () => {
  const world = new ManualWorld();
  const breaker = new Breaker('alone', answer, { mode: 'metrics-only' }, world);
  const changes: unknown[] = [];
  breaker.on('mode', change => changes.push(change));
  await breaker.setMode('forced-open', { by: 'ada', reason: 'trial', expiresIn: '10m' });
  expect(breaker.stats.override).toEqual({
    ...{ mode: 'forced-open', by: 'ada', reason: 'trial', shared: false },
    ...{ setAt: world.wall, expiresAt: world.wall + 600_000 },
  });
  expect(world.timers).toEqual({ waiting: 1, held: 0 });
  world.wall += 599_999;
  await world.pass(1_000);
  expect(breaker.mode).toBe('forced-open');
  world.wall += 1;
  await world.pass(1_000);
  expect([breaker.mode, breaker.override, world.timers.waiting]).toEqual(['metrics-only', undefined, 0]);
  expect(changes).toEqual([
    {
      ...{ mode: 'forced-open', previous: 'metrics-only', by: 'ada', reason: 'trial' },
      expiresAt: Date.UTC(2026, 0, 1) + 600_000,
    },
    { mode: 'metrics-only', previous: 'forced-open', reason: 'its time is over' },
  ]);
});

it('leaves no timer when it is shut down', async () => {
  const world = new ManualWorld();
  const breaker = new Breaker('alone', answer, {}, world);
  await breaker.setMode('disabled', { expiresIn: 1_000 });
  breaker.shutdown();
  expect(world.timers.waiting).toBe(0);
});

it('null takes it away, and so does automatic, unless the options say another', async () => {
  const breaker = createBreaker('alone', answer, { mode: 'metrics-only' });
  onTestFinished(() => breaker.shutdown());
  await breaker.setMode('automatic', { by: 'ada' });
  expect([breaker.mode, breaker.override?.by]).toEqual(['automatic', 'ada']);
  await breaker.setMode(null);
  expect([breaker.mode, breaker.override]).toEqual(['metrics-only', undefined]);
  const plain = createBreaker('plain', answer);
  onTestFinished(() => plain.shutdown());
  await plain.setMode('forced-open');
  await plain.setMode('automatic', { by: 'ada', expiresIn: '1h' });
  expect([plain.mode, plain.override]).toEqual(['automatic', undefined]);
});

it.each<[unknown, object, string]>([
  ['off', {}, 'Option mode'],
  [undefined, {}, 'Option mode'],
  ['__proto__', {}, 'Option mode'],
  ['disabled', { by: '' }, 'Option by'],
  ['disabled', { by: 'ada\nroot' }, 'Option by'],
  ['disabled', { by: 'x'.repeat(201) }, 'Option by'],
  ['disabled', { reason: 7 }, 'Option reason'],
  ['disabled', { expiresIn: 0 }, 'Option expiresIn'],
  ['disabled', { expiresIn: -1 }, 'Option expiresIn'],
  ['disabled', { expiresIn: 'soon' }, 'Option expiresIn'],
  ['disabled', { expiresIn: '366d' }, 'Option expiresIn'],
  ['disabled', { expires: '5m' }, 'Option expires'],
])('%j with %j is refused, and nothing is set', (mode, change, message) => {
  const breaker = createBreaker('alone', answer);
  onTestFinished(() => breaker.shutdown());
  expect(() => breaker.setMode(mode as 'disabled', change)).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(message) }),
  );
  expect([breaker.mode, breaker.override]).toEqual(['automatic', undefined]);
});
