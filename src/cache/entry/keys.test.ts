import { expect, it } from 'vitest';
import { KeySpace } from './keys.ts';

const keys = new KeySpace('p', 'n', 1, undefined);

it('gives every text a name of its own, of bounded length, that UTF-8 can carry', () => {
  const texts = [
    ...['', 'a', '=a', '#a', 'k:a', 'a:b', 'a\u0000b', 'a\u0000', ' ', 'ä', '\u{1f600}', '*', '[x]'],
    ...['\ud800', '\udfff', '\ufffd', 'a\ud800', 'x'.repeat(10_000), 'x'.repeat(10_001), 'ж'.repeat(256)],
  ];
  const names = texts.map(text => keys.entry(text));
  expect(new Set(names.map(name => Buffer.from(name).toString('hex'))).size).toBe(texts.length);
  expect(names.every(name => name.startsWith('p:n:1:k:') && name.length < 300)).toBe(true);
  expect(keys.entry('\u0000')).not.toBe(keys.tag('\u0000'));
});

it('takes numbers for their text, and other keys by the option key alone', () => {
  expect(keys.entry(7)).toBe(keys.entry('7'));
  const pairs = new KeySpace('p', 'n', 1, ([a, b]: [string, number]) => `${a}/${b}`);
  expect(pairs.entry(['a', 1])).toBe('p:n:1:k:=a/1');
  for (const bad of [Number.NaN, null, undefined, {}, Symbol('s'), ['a']]) {
    expect(() => keys.entry(bad)).toThrow(expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION' }));
  }
  const careless = new KeySpace('p', 'n', 1, (() => 1) as never);
  expect(() => careless.entry('a')).toThrow(/for which the option key returns a text; received number/);
});
