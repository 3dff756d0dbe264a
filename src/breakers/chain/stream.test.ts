import { expect, it, onTestFinished } from 'vitest';
import { ManualWorld, settled } from '../../../test/breakers/manual-world.ts';
import { silentLogger } from '../../shared/logger.ts';
import { BreakerRegistry } from '../registry.ts';

it('a stream that probes, and takes longer than a probe may hang, closes the breaker at its end', async () => {
  const world = new ManualWorld();
  const registry = new BreakerRegistry(silentLogger, world);
  onTestFinished(() => registry.close());
  let send: (chunk: string | undefined) => void = () => {};
  const next = () => new Promise<string | undefined>(resolve => (send = resolve));
  const chain = registry.chain('slow', [
    {
      name: 'model',
      async *stream() {
        for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
      },
      breaker: { minimumCalls: 1, openMs: 1_000, openJitter: 0, probeWaitMs: 500 },
    },
  ]);
  registry
    .get('model')
    .fire((() => Promise.reject(new Error('down'))) as never)
    .catch(() => undefined);
  await world.pass(1_000);
  expect(registry.get('model').state).toBe('halfOpen');
  const got: string[] = [];
  const reading = (async () => {
    for await (const chunk of chain.stream()) got.push(chunk);
  })();
  for (const chunk of ['a', 'b', 'c']) {
    await world.pass(400);
    send(chunk);
    await settled();
  }
  expect([got, registry.get('model').state]).toEqual([['a', 'b', 'c'], 'halfOpen']);
  send(undefined);
  await reading;
  expect(registry.get('model').stats).toMatchObject({ state: 'closed', successes: 1, running: 0 });
  expect(world.timers.held).toBe(0);
});
