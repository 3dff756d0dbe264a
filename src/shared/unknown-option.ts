import { SpillwayError } from './errors.ts';

/**
 * An option that does not exist: misspelt, most likely, and would else be one that was not given. Without its value, which
 * may be a secret.
 */
export function noSuchOption(
  of: string,
  option: string,
  known: readonly string[],
  details: Readonly<Record<string, unknown>> = {},
): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option}${of === '' ? '' : ` of ${of}`} must be absent: there is no such option${alternatives(option, known)}`,
    { details: { option, range: 'absent', ...details } },
  );
}

/**
 * Refuses an option that is a known one but for a slip, where others are let be: somebody else's may stand beside them.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function refuseMisspelt(path: string, options: object, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option) || nearestOption(option, known) === undefined) continue;
    throw noSuchOption(path, option, known);
  }
}

/** ` (did you mean …? there are …)`, to go after "there is no such option". */
export function alternatives(option: string, known: readonly string[]): string {
  const near = nearestOption(option, known);
  return ` (${near === undefined ? '' : `did you mean ${near}? `}there are ${known.join(', ')})`;
}

/** The one that was most likely meant: as it is in another case, or but for one slip, in longer names two. */
export function nearestOption(option: string, known: readonly string[]): string | undefined {
  const typed = option.toLowerCase();
  const slips = typed.length > 5 ? 2 : 1;
  let [nearest, fewest] = [undefined as string | undefined, slips + 1];
  for (const name of known) {
    const count = slipsBetween(typed, name.toLowerCase());
    if (count < fewest) [nearest, fewest] = [name, count];
  }
  return nearest;
}

/** Letters that are wrong, missing, too many, or in the place of their neighbour. */
function slipsBetween(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (swapped) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[other.length]!;
}
