import { expect, it } from 'vitest';
import { failoverOf } from './index.ts';

class Elsewhere {
  getBackend() {
    return {};
  }
}

it.each<[string, unknown]>([
  ['an object of class Object', {}],
  ['an object of class Elsewhere', new Elsewhere()],
  ['an object of class null', Object.create(null)],
  ['null', null],
  ['undefined', undefined],
  ['a string', 'q'],
])('failoverOf of %s says what it takes', (received, given) => {
  expect(() => failoverOf(given as never)).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_INVALID_OPTION',
      message: expect.stringContaining(`createFailoverBackend; received ${received}.`),
    }),
  );
});
