import { expect, it, onTestFinished } from 'vitest';
import { BreakerRegistry, createBreaker, createBudget, openAiProvider } from './index.ts';

/** What a program in JavaScript may write. */
const wrong = (value: unknown) => value as never;
const ask = async () => 'answer';
const openAi = { name: 'p', baseUrl: 'https://a.example/v1', model: 'm' };

it.each<[string, (breakers: BreakerRegistry) => unknown, string]>([
  [
    'a breaker without options that are some',
    b => b.breaker('a', ask, wrong(null)),
    'options of breaker "a" must be an object',
  ],
  [
    'a breaker of its own with none',
    () => createBreaker('a', ask, wrong('x')),
    'options of breaker "a" must be an object',
  ],
  [
    'settings of nothing',
    b => b.breaker('a', ask).configure(wrong(undefined)),
    'options of breaker "a" must be an object',
  ],
  [
    'a misspelt setting',
    b => b.breaker('a', ask).configure(wrong({ timeoutMS: 5 })),
    'did you mean timeoutMs?',
  ],
  [
    'who set it, alone',
    b => b.breaker('a', ask).setMode('disabled', wrong('ada')),
    'change of breaker "a" must be an object',
  ],
  [
    'a fetch that is none',
    b => b.fetch('a', {}, wrong('x')),
    'fetch of breaker "a" must be a function called like fetch',
  ],
  [
    'no pool',
    b => b.pool('a', wrong(undefined)),
    'pool of breaker "a" must be a pool of node-postgres, with query and connect',
  ],
  [
    'a URL for a pool',
    b => b.pool('a', wrong('postgres://u:hunter2@h/d')),
    'pool of breaker "a" must be a pool',
  ],
  [
    'no client of MongoDB',
    b => b.mongo('a', wrong({})),
    'client of breaker "a" must be a client of MongoDB, with db',
  ],
  ['a chain of nothing', b => b.chain('c', wrong(undefined)), 'providers of chain "c" must be a list'],
  [
    'a chain without options that are some',
    b => b.chain('c', [{ name: 'p', call: ask }], wrong(null)),
    'options of chain "c" must be an object',
  ],
  ['a misspelt key', () => openAiProvider(wrong({ ...openAi, apikey: 'hunter2' })), 'did you mean apiKey?'],
  [
    'a provider with a fetch that is none',
    () => openAiProvider(wrong({ ...openAi, fetch: 'x' })),
    'fetch of provider "p" must be a function',
  ],
  [
    'a budget of nothing',
    () => createBudget(wrong(undefined)),
    'options of a budget must be an object { limit, windowMs, costOf }',
  ],
  [
    'a misspelt budget',
    () => createBudget(wrong({ limit: 1, windowsMs: 1, costOf: ask })),
    'did you mean windowMs?',
  ],
])('%s is refused', (_name, make, text) => {
  const breakers = new BreakerRegistry();
  onTestFinished(() => breakers.close());
  const message = expect.stringContaining(text);
  expect(() => make(breakers)).toThrow(expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message }));
  expect(() => make(new BreakerRegistry())).not.toThrow(/hunter2/);
});
