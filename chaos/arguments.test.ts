import { describe, expect, it } from 'vitest';
import { readArgs } from './arguments.ts';

const known = ['flushall', 'hang-1s'];

describe('readArgs', () => {
  it('has a default for everything', () => {
    expect(readArgs([], known)).toEqual({
      faults: [],
      engine: 'failover',
      seed: undefined,
      seconds: 3,
      rate: undefined,
      cycles: undefined,
      journal: undefined,
      idempotent: false,
      json: undefined,
      list: false,
      help: false,
    });
  });

  it('takes faults with commas and one by one, each once, in their order', () => {
    const args = readArgs(['--fault', 'hang-1s, flushall', '--fault=hang-1s'], known);
    expect(args.faults).toEqual(['hang-1s', 'flushall']);
  });

  it('takes every option', () => {
    const line =
      '--engine redis --seed 7 --seconds 0.5 --rate 2000 --cycles 10 --journal until-completed --idempotent --json a/b.json';
    expect(readArgs(line.split(' '), known)).toMatchObject({
      engine: 'redis',
      seed: 7,
      seconds: 0.5,
      rate: 2000,
      cycles: 10,
      journal: 'until-completed',
      idempotent: true,
      json: 'a/b.json',
    });
  });

  it.each([
    ['--fault=hang', /'hang'.*flushall, hang-1s/],
    ['--engine=postgres', /--engine must be one of failover, redis, got 'postgres'/],
    ['--journal=on', /--journal must be one of off, until-persisted, until-completed, got 'on'/],
    ['--seed=-1', /--seed must be a number from 0 to 4294967295, got '-1'/],
    ['--seed=1.5', /--seed must be a whole number from 0 to 4294967295, got '1.5'/],
    ['--seconds=0.1', /--seconds must be a number from 0.5 to 3600, got '0.1'/],
    ['--rate=', /--rate must be a number from 2 to 20000, got ''/],
    ['--cycles=many', /--cycles must be a number from 1 to 1000, got 'many'/],
    ['--fast', /--fast/],
  ])('refuses %s and says what it takes', (option, message) => {
    expect(() => readArgs([option], known)).toThrow(message);
  });
});
