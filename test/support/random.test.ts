import { afterEach, describe, expect, it, vi } from 'vitest';
import { seededRandom, testSeed } from './random.ts';

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, as pinned here', () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 5 }, () => random.int(0, 999));
    };
    expect(draw(42)).toEqual(draw(42));
    expect(draw(42)).not.toEqual(draw(43));
    expect(draw(42)).toEqual([601, 448, 852, 669, 174]);
  });

  it('reaches both ends of a range and nothing outside it', () => {
    const random = seededRandom(1);
    const seen = new Set(Array.from({ length: 500 }, () => random.int(-1, 2)));
    expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
  });

  it('shuffles a copy without losing an item', () => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    const shuffled = seededRandom(7).shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
    expect(items[0]).toBe(0);
  });

  it('refuses a range that cannot be drawn from and an empty list', () => {
    expect(() => seededRandom(1).int(2, 1)).toThrow('got 2 and 1');
    expect(() => seededRandom(1).pick([])).toThrow('at least one item');
  });
});

describe('testSeed', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('replays the seed of SPILLWAY_TEST_SEED', () => {
    vi.stubEnv('SPILLWAY_TEST_SEED', '1234');
    expect(testSeed()).toBe(1234);
  });

  it('refuses one that is no number', () => {
    vi.stubEnv('SPILLWAY_TEST_SEED', 'today');
    expect(() => testSeed()).toThrow('got "today"');
  });
});
