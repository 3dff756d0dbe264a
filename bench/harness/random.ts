/** A seeded source of numbers from 0 (included) to 1 (excluded): mulberry32. The same seed gives the same run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` hexadecimal digits. */
export function randomHex(random: () => number, length: number): string {
  let digits = '';
  while (digits.length < length) digits += Math.floor(random() * 16).toString(16);
  return digits;
}
