import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keep, revive, toJson } from './value.ts';

/** As it comes back from another tier. */
function roundTrip(value: unknown): unknown {
  const kept = keep(value);
  return revive(JSON.parse(toJson(kept)), kept.special).value;
}

describe('what is kept', () => {
  it('is the same in memory as after a way through JSON, for any plain data with dates', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u0001', '\u0001d5', '\u0001s', '\u0001s\u0001d'),
    );
    const leaf = fc.oneof(
      text,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    );
    const date = fc.date({ noInvalidDate: true });
    const key = text.filter(name => name !== '__proto__' && name !== 'toJSON');
    const { value } = fc.letrec(tie => ({
      value: fc.oneof({ maxDepth: 4 }, leaf, date, tie('list'), tie('record')),
      list: fc.array(tie('value'), { maxLength: 5 }),
      record: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    }));
    fc.assert(
      fc.property(value, given => {
        // JSON has one zero only.
        expect(JSON.stringify(roundTrip(given))).toBe(JSON.stringify(given));
        expect(roundTrip(given)).toEqual(withOneZero(given));
      }),
      { numRuns: 300 },
    );
  });

  it('is frozen throughout, and none of the given objects', () => {
    const given = { list: [{ a: 1 }] };
    const { value } = keep(given) as { value: typeof given };
    expect(value).toEqual(given);
    expect([value, value.list, value.list[0]].every(Object.isFrozen)).toBe(true);
    expect(Object.isFrozen(given)).toBe(false);
  });

  it('is what JSON makes of it: toJSON, classes, left-out properties', () => {
    class Money {
      readonly #cents = 5;
      toJSON() {
        return { cents: this.#cents };
      }
    }
    class Plain {
      a = 1;
    }
    const bare = Object.assign(Object.create(null), { b: 2 });
    const given = { money: new Money(), plain: new Plain(), bare, gone: undefined, list: [undefined] };
    expect(keep(given).value).toEqual({ money: { cents: 5 }, plain: { a: 1 }, bare: { b: 2 }, list: [null] });
  });

  it('is measured: more for more', () => {
    const size = (value: unknown) => keep(value).bytes;
    expect(size('x'.repeat(1000))).toBeGreaterThanOrEqual(1000);
    expect(size('ж'.repeat(1000))).toBeGreaterThanOrEqual(2000);
    expect(size(Array(1000).fill(1.5))).toBeGreaterThanOrEqual(8000);
  });
});

describe('what cannot be kept', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  it.each([
    ['a function', { a: [() => 1] }, 'value.a[0]', 'function'],
    ['a symbol', { s: Symbol('s') }, 'value.s', 'symbol'],
    ['a BigInt', { a: { b: 1n } }, 'value.a.b', 'bigint'],
    ['NaN', [Number.NaN], 'value[0]', 'NaN'],
    ['a Map', { m: new Map() }, 'value.m', 'Map'],
    ['a Set', new Set([1]), 'value', 'Set'],
    ['bytes', { b: Buffer.from('x') }, 'value.b', 'binary data'],
    ['a promise', { p: Promise.resolve() }, 'value.p', 'Promise'],
    ['an invalid date', { d: new Date(Number.NaN) }, 'value.d', 'an invalid date'],
    ['nothing at all', undefined, 'value', 'undefined'],
    [
      '__proto__ as a property',
      JSON.parse('{"a":{"__proto__":{"x":1}}}'),
      'value.a.__proto__',
      'a property named __proto__',
    ],
  ])('%s is refused with its place', (_, value, path, received) => {
    expect(() => keep(value)).toThrow(
      expect.objectContaining({ code: 'SPILLWAY_CACHE_VALUE', details: { path, received } }),
    );
  });

  it.each([
    [
      'toJSON',
      {
        a: {
          toJSON: () => {
            throw new Error('not now');
          },
        },
      },
      'value.a',
    ],
    [
      'a getter',
      {
        a: {
          get b() {
            throw new Error('not now');
          },
        },
      },
      'value.a',
    ],
  ])('%s that throws is refused with its place', (_, value, path) => {
    const refused = {
      code: 'SPILLWAY_CACHE_VALUE',
      details: { path, received: 'an object whose own code throws' },
    };
    expect(() => keep(value)).toThrow(expect.objectContaining({ ...refused, cause: new Error('not now') }));
  });

  it('a cycle and a depth beyond all reason are refused, and take no time', () => {
    expect(() => keep(cycle)).toThrow(/a cycle, or more than 500 levels/);
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(() => keep(deep)).toThrow(/more than 500 levels/);
    expect(() => revive(deep, false)).toThrow(/more than 500 levels/);
  });
});

function withOneZero(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(withOneZero);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withOneZero(each)]));
}
