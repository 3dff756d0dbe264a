import { expect, it, onTestFinished } from 'vitest';
import { BreakerRegistry } from '../registry.ts';
import { openAiProvider } from './openai.ts';
import type { ChainOptions } from './types.ts';

const providers = [{ name: 'model', call: async () => 'answer' }];

function make(options: unknown, given: unknown = providers) {
  const registry = new BreakerRegistry();
  onTestFinished(() => registry.close());
  return registry.chain('answer', given as typeof providers, options as ChainOptions<[], string, never>);
}

it.each<[object, string]>([
  [{ whenAllOpn: 'wait' }, 'Option whenAllOpn of chain "answer" must be absent: there is no such option'],
  [{ waitMs: '5' }, 'Option waitMs'],
  [{ betweenChunksMs: -1 }, 'Option betweenChunksMs'],
  [{ budget: {} }, 'Option budget'],
  [{ budget: { allow: () => true } }, 'Option budget'],
  [{ dedupe: { key: () => 'x' } }, 'Option dedupe'],
  [{ tryNext: true }, 'Option tryNext'],
])('%j is refused', (options, message) => {
  expect(() => make(options)).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(message) }),
  );
});

it.each<[string, unknown, string]>([
  ['that can do nothing', [{ name: 'model' }], 'have each a function call, or stream'],
  ['whose call is no function', [{ name: 'model', call: 'answer' }], 'have each a function call'],
  ['whose name is taken', [{ ...providers[0], name: 'first' }], 'a name of its own'],
  ['that is none', [null], 'at least one provider'],
  ['whose breaker is set wrongly', [{ ...providers[0], breaker: { openMs: 0 } }], 'Option openMs'],
])('a provider %s is refused, and leaves no breaker behind', (_name, given, message) => {
  const registry = new BreakerRegistry();
  onTestFinished(() => registry.close());
  expect(() =>
    registry.chain('answer', [{ name: 'first', call: async () => 'x' }, ...(given as typeof providers)]),
  ).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(message) }),
  );
  expect(registry.stats()).toEqual({});
});

it('an option that is undefined is one that was not given', async () => {
  const chain = make({
    waitMs: undefined,
    firstChunkMs: undefined,
    whenAllOpen: undefined,
    budget: undefined,
  });
  expect(await chain.fire()).toBe('answer');
});

it.each<[unknown, string]>([
  [undefined, 'The name of a provider'],
  [{ name: 'p', model: 'm' }, 'Option baseUrl of provider "p" must be an http: or https: URL'],
  [{ name: 'p', model: 'm', baseUrl: 'api.example' }, 'Option baseUrl'],
  [
    { name: 'p', baseUrl: 'https://sk-live:sk-live@api.example', apiKey: 'sk-live' },
    'Option model of provider "p"',
  ],
  [{ name: 'p', model: 'm', baseUrl: 'sk-live', apiKey: 'sk-live' }, 'Option baseUrl'],
  [{ name: 'p', model: 'm', baseUrl: 'https://api.example', apiKey: ['sk-live'] }, 'Option apiKey'],
])('openAiProvider of %j is refused', (options, message) => {
  const making = () => openAiProvider(options as never);
  expect(making).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(message) }),
  );
  expect(making).not.toThrow('sk-live');
});
