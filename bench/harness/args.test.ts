import { describe, expect, it } from 'vitest';
import { readArgs } from './args.ts';

const known = ['add-bulk', 'process-1'];

describe('readArgs', () => {
  it('has a default for everything', () => {
    expect(readArgs([], known)).toEqual({
      names: [],
      rounds: 5,
      scale: 'full',
      json: undefined,
      directory: undefined,
      seed: 1,
      redisServer: 'redis-server',
      strict: false,
      selfCheck: false,
      list: false,
      help: false,
    });
  });

  it('takes names and options in any order', () => {
    const args = readArgs(['--rounds', '3', 'add-bulk', '--quick', '--json=out.json', 'process-1'], known);
    expect(args.names).toEqual(['add-bulk', 'process-1']);
    expect(args).toMatchObject({ rounds: 3, scale: 'quick', json: 'out.json' });
  });

  it.each(['0', '2.5', 'many', '', '101'])("refuses --rounds '%s' and says what it takes", value => {
    expect(() => readArgs([`--rounds=${value}`], known)).toThrow(
      /--rounds must be a whole number from 1 to 100/,
    );
  });

  it('names the benchmarks there are when one is unknown', () => {
    expect(() => readArgs(['add-blok'], known)).toThrow(/'add-blok'.*add-bulk, process-1/);
  });

  it('refuses an unknown option', () => {
    expect(() => readArgs(['--fast'], known)).toThrow(/--fast/);
  });
});
