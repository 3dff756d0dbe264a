import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { seededRandom, testSeed } from '../../../test/support/random.ts';
import { Codec } from './codec.ts';
import { encodeFrame, Flag, PoisonError } from './frame.ts';
import { keep } from './value.ts';

const terms = { version: 1_732_000_000_000_000, ttlMs: 1500.5, graceMs: 0, tags: ['a', 'ä\u0000b'] };
const plain = new Codec(Number.POSITIVE_INFINITY, undefined);
const key = (fill: number) => new Uint8Array(32).fill(fill);
const ring = (current: string) => ({
  current,
  keys: new Map([
    ['old', key(1)],
    ['new', key(2)],
  ]),
});
const value = { text: 'x'.repeat(5000), when: new Date(7), list: [1, null, '\u0001d'] };

describe('an entry comes back as it was', () => {
  it.each([
    ['plain', plain],
    ['compressed', new Codec(100, undefined)],
    ['encrypted', new Codec(Number.POSITIVE_INFINITY, ring('new'))],
    ['both', new Codec(100, ring('new'))],
  ])('%s', async (_, codec) => {
    const bytes = await codec.encode('name', keep(value), terms);
    expect(await codec.decode('name', bytes)).toMatchObject({ frame: terms, kept: { value } });
  });

  it('undefined, and null, which is something else', async () => {
    const none = await plain.encode('n', { value: undefined, bytes: 0, special: false }, terms);
    expect((await plain.decode('n', none)).kept?.value).toBeUndefined();
    expect((await plain.decode('n', await plain.encode('n', keep(null), terms))).kept?.value).toBeNull();
  });

  it('smaller when compressed; unreadable when encrypted', async () => {
    const compressed = await new Codec(100, undefined).encode('name', keep(value), terms);
    expect(compressed.length).toBeLessThan(500);
    const encrypted = await new Codec(1e9, ring('new')).encode('name', keep({ secret: 'rosebud' }), terms);
    expect(encrypted.includes('rosebud')).toBe(false);
  });

  it('with an older key of the ring', async () => {
    const bytes = await new Codec(1e9, ring('old')).encode('name', keep(value), terms);
    expect((await new Codec(1e9, ring('new')).decode('name', bytes)).kept?.value).toEqual(value);
  });
});

describe('poisoned bytes', () => {
  const frame = (payload: string | Buffer, flags = 0) =>
    encodeFrame({ ...terms, flags, keyId: '', payload: Buffer.from(payload as string) });

  it.each([
    ['empty', Buffer.alloc(0)],
    ["someone else's", Buffer.from('{"a":1}'.repeat(20))],
    ['of another version of the format', Buffer.concat([Buffer.from('SPW0'), frame('1').subarray(4)])],
    ['with no number as its version', Buffer.concat([Buffer.from('SPW1x'), frame('1').subarray(5)])],
    ['no JSON', frame('{"a":')],
    ['with a prototype', frame('{"__proto__":{"admin":true}}')],
    ['beyond all depth', frame('['.repeat(100_000) + ']'.repeat(100_000))],
    ['with an unknown mark', frame('"\\u0001x"', Flag.special)],
    ['not compressed though it says so', frame('abc', Flag.compressed)],
    ['with unknown flags', frame('1', 128)],
    ['encrypted, though nothing is', frame('x'.repeat(40), Flag.encrypted)],
  ])('%s: refused', async (_, bytes) => {
    await expect(plain.decode('name', bytes)).rejects.toThrow(PoisonError);
    expect(Object.prototype).not.toHaveProperty('admin');
  });

  it('cut anywhere: refused, or at least no other value', async () => {
    const codec = new Codec(1e9, ring('new'));
    for (const each of [plain, codec]) {
      const bytes = await each.encode('name', keep(value), terms);
      for (let length = 0; length < bytes.length; length += 7) {
        await expect(each.decode('name', bytes.subarray(0, length)), `${length}`).rejects.toThrow(
          PoisonError,
        );
      }
    }
  });

  it('encrypted, with any byte changed, under another name, or made with an unknown key: refused', async () => {
    const codec = new Codec(1e9, ring('new'));
    const bytes = await codec.encode('name', keep({ a: 1 }), terms);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      // One bit makes it a tombstone: who can write there can delete as well.
      const outcome = await codec.decode('name', changed).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome, `byte ${at}`).toBeInstanceOf(PoisonError);
      else expect(outcome, `byte ${at}`).toMatchObject({ kept: undefined });
    }
    await expect(codec.decode('other', bytes)).rejects.toThrow('not authentic');
    const stranger = new Codec(1e9, { current: 'x', keys: new Map([['x', key(3)]]) });
    await expect(stranger.decode('name', bytes)).rejects.toThrow('unknown key');
    await expect(codec.decode('name', await plain.encode('name', keep(1), terms))).rejects.toThrow(
      'not encrypted',
    );
  });

  it('any bytes at all: refused, never anything worse', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < 2000; round++) {
      const noise = randomBytes(random.int(0, 80));
      const bytes = random.chance(0.5)
        ? noise
        : Buffer.concat([frame('1').subarray(0, random.int(20, 45)), noise]);
      const outcome = await plain.decode('n', bytes).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome, `seed ${seed}`).toBeInstanceOf(PoisonError);
    }
  });
});
