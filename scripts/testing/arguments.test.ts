import { expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';

const STEPS = ['biome', 'types', 'unit'];

it('runs everything when nothing is asked for', () => {
  expect(parseArguments([], STEPS)).toEqual({ only: [], vitest: [] });
});

it('chooses steps by name, in either spelling, and all the gates at once', () => {
  expect(parseArguments(['--only', 'biome,types'], STEPS).only).toEqual(['biome', 'types']);
  expect(parseArguments(['--only=unit'], STEPS).only).toEqual(['unit']);
  expect(parseArguments(['--only', 'gates'], STEPS).only).toEqual(['biome', 'types']);
});

it('hands file filters and options to vitest, and then runs only the tests', () => {
  expect(parseArguments(['src/engines', '-t', 'drain'], STEPS)).toEqual({
    only: ['unit'],
    vitest: ['src/engines', '-t', 'drain'],
  });
});

it('names the steps there are when it gets another', () => {
  expect(() => parseArguments(['--only', 'lint'], STEPS)).toThrow('gates, biome, types, unit; got "lint"');
  expect(() => parseArguments(['--only'], STEPS)).toThrow('got ""');
});
