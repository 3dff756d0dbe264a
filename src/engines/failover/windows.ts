/** First and last place, from 0. */
export type Window = readonly [from: number, to: number];

/**
 * Which places of each of several lists, one behind the other, lie between `start` and `end` of the whole (both included,
 * below 0 from its end, as Redis counts); undefined for a list that has none.
 */
export function splitWindow(start: number, end: number, lengths: readonly number[]): (Window | undefined)[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const from = start < 0 ? Math.max(0, total + start) : start;
  const to = end < 0 ? total + end : Math.min(end, total - 1);
  let before = 0;
  return lengths.map(length => {
    const window = [Math.max(0, from - before), Math.min(to - before, length - 1)] as const;
    before += length;
    return window[0] <= window[1] ? window : undefined;
  });
}
