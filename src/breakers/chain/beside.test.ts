import { expect, it, onTestFinished, vi } from 'vitest';
import { codeOf } from '../../../test/breakers/hand-driven.ts';
import { BreakerRegistry } from '../registry.ts';
import type { ChainOptions } from './types.ts';

/** Two providers that answer, and how often each was asked. */
function twoProviders(options: ChainOptions<[], string, string>) {
  const registry = new BreakerRegistry();
  onTestFinished(() => registry.close());
  const asked = { one: 0, two: 0 };
  const provider = (name: 'one' | 'two') => ({
    name,
    call: async () => {
      asked[name] += 1;
      return name;
    },
    async *stream() {
      asked[name] += 1;
      yield `${name}!`;
    },
  });
  const chain = registry.chain('answer', [provider('one'), provider('two')], options);
  return { registry, asked, chain };
}

/** What Node says of something that is nobody's failure. */
function warnings(): string[] {
  const said: string[] = [];
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation(warning => void said.push(String(warning)));
  onTestFinished(() => spy.mockRestore());
  return said;
}

it('an answer whose cost cannot be told is an answer all the same, and is not asked for twice', async () => {
  const said = warnings();
  const { asked, chain } = twoProviders({
    budget: {
      allow: () => true,
      spent: () => {
        throw new TypeError('no usage in it');
      },
    },
  });
  expect(await chain.fire()).toBe('one');
  const chunks: string[] = [];
  for await (const chunk of chain.stream()) chunks.push(chunk);
  expect([chunks, asked]).toEqual([['one!'], { one: 2, two: 0 }]);
  expect(chain.stats).toMatchObject({ served: { one: 2 }, failovers: 0, incomplete: 0 });
  expect(said).toEqual(['TypeError: no usage in it', 'TypeError: no usage in it']);
});

it('a budget may be asked elsewhere: its answer is waited for', async () => {
  const allow = vi.fn(async ({ provider }: { provider: string }) => provider === 'two');
  const { asked, chain } = twoProviders({ budget: { allow, spent: () => {} } });
  expect(await chain.fire()).toBe('two');
  expect(asked).toEqual({ one: 0, two: 1 });
  allow.mockRejectedValue(new Error('the counter is away'));
  await expect(chain.fire()).rejects.toThrow('the counter is away');
});

it('a budget that answers anything but true lets nothing through', async () => {
  const { asked, chain } = twoProviders({ budget: { allow: () => 'no' as never, spent: () => {} } });
  expect(await codeOf(chain.fire())).toBe('SPILLWAY_CHAIN_UNAVAILABLE');
  expect(asked).toEqual({ one: 0, two: 0 });
});

it('a cost that is counted elsewhere and fails there ends no process', async () => {
  const said = warnings();
  const spent = async () => Promise.reject(new Error('the counter is away'));
  const { chain } = twoProviders({ budget: { allow: () => true, spent } });
  expect(await chain.fire()).toBe('one');
  await vi.waitFor(() => expect(said).toEqual(['Error: the counter is away']));
});

it('a key that cannot be made rejects the call', async () => {
  const dedupe = {
    key: () => {
      throw new TypeError('circular');
    },
    share: (_key: string, load: () => Promise<string>) => load(),
  };
  const { chain } = twoProviders({ dedupe });
  await expect(chain.fire()).rejects.toThrow('circular');
});
