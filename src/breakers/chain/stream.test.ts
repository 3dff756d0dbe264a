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

/** A provider whose stream begins, and goes on, when the test says so. */
function byHand(breaker: object, options: object = {}) {
  const world = new ManualWorld();
  const registry = new BreakerRegistry(silentLogger, world);
  onTestFinished(() => registry.close());
  const chunks: ((chunk: string | undefined) => void)[] = [];
  let returned = 0;
  const stream: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const value = await new Promise<string | undefined>(resolve => chunks.push(resolve));
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        returned += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  let begin: () => void = () => {};
  const chain = registry.chain(
    'slow',
    [
      {
        name: 'model',
        stream: () => new Promise<AsyncIterable<string>>(resolve => (begin = () => resolve(stream))),
        breaker,
      },
    ],
    options,
  );
  return { world, registry, chain, begin: () => begin(), chunks, returned: () => returned };
}

const half = { minimumCalls: 1, openMs: 1_000, openJitter: 0, probeWaitMs: 500 };

async function openAndWait({ world, registry }: ReturnType<typeof byHand>): Promise<void> {
  registry.get('model').begin().fail(new Error('down'));
  await world.pass(1_000);
  expect(registry.get('model').state).toBe('halfOpen');
}

it('a consumer that takes its time says nothing against the provider that probes', async () => {
  const made = byHand(half);
  const { world, registry, chain, begin, chunks } = made;
  await openAndWait(made);
  const reading = chain.stream();
  const first = reading.next();
  await settled();
  begin();
  await settled();
  chunks[0]!('a');
  expect(await first).toMatchObject({ value: 'a' });
  // The consumer writes to a slow client.
  await world.pass(600);
  expect(registry.get('model').stats).toMatchObject({ state: 'halfOpen', totals: { failures: 1 } });
  const last = reading.next();
  await settled();
  chunks[1]!(undefined);
  await last;
  expect(registry.get('model').stats).toMatchObject({ totals: { successes: 1, failures: 1 }, running: 0 });
});

it('a consumer that never comes back does not keep others from probing', async () => {
  const made = byHand(half);
  const { world, registry, chain, begin, chunks } = made;
  await openAndWait(made);
  const reading = chain.stream();
  const first = reading.next();
  await settled();
  begin();
  await settled();
  chunks[0]!('a');
  await first;
  expect(registry.get('model').retryAfterMs).toBeGreaterThan(0);
  await world.pass(600);
  const another = registry.get('model').begin();
  another.succeed();
  expect(registry.get('model').state).toBe('closed');
});

it('the time its consumer takes makes no stream slow', async () => {
  const { world, registry, chain, begin, chunks } = byHand({ minimumCalls: 1, slowMs: 5_000 });
  const reading = chain.stream();
  const first = reading.next();
  await settled();
  begin();
  await settled();
  await world.pass(1_000);
  chunks[0]!('a');
  await first;
  await world.pass(60_000);
  const last = reading.next();
  await settled();
  await world.pass(1_000);
  chunks[1]!(undefined);
  await last;
  expect(registry.get('model').stats).toMatchObject({
    state: 'closed',
    latencyMean: 2_000,
    window: { slow: 0 },
  });
});

it('a stream that begins after it was given up is ended', async () => {
  const { world, chain, begin, returned } = byHand({}, { firstChunkMs: 100 });
  const first = chain.stream().next();
  const outcome = first.catch((error: { code: string }) => error.code);
  await world.pass(100);
  expect(await outcome).toBe('SPILLWAY_CHAIN_FAILED');
  begin();
  await settled();
  expect(returned()).toBe(1);
});
