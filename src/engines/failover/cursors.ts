/** Where a reader stands in the two event streams. */
export interface Cursors {
  primary: string;
  standby: string;
}

const START = '0-0';

/**
 * Reads an event cursor: `<primary>|<standby>`, or a plain one of the primary's from a reader that has seen nothing of the
 * standby yet (we give those out, and a program may have kept one from before it used this engine). `$` is from now on in
 * both.
 */
export function parseCursors(text: string): Cursors {
  const cut = text.indexOf('|');
  if (cut >= 0) return { primary: text.slice(0, cut), standby: text.slice(cut + 1) };
  return { primary: text, standby: text === '$' ? '$' : START };
}

export function formatCursors({ primary, standby }: Cursors): string {
  return standby === START ? primary : `${primary}|${standby}`;
}

/** The cursor, for who reads from the beginning, of an event of the standby that the primary has none before. */
export function cursorOnStandby(standby: string): string {
  return formatCursors({ primary: START, standby });
}

/** Ms since 1970 in a cursor of Redis' form; NaN in others. */
function timeOf(cursor: string): number {
  return Number(/^(\d+)-\d+$/.exec(cursor)?.[1]);
}

export type Entry = [cursor: string, fields: string[]];

/**
 * Entries of both streams as one, by the time in their cursors, and of one time or without times the standby's first; each with
 * the cursor of both streams after it.
 */
export function mergeEntries(
  cursors: Cursors,
  entries: { primary: readonly Entry[]; standby: readonly Entry[] },
): Entry[] {
  const [there, here] = [[...entries.primary], [...entries.standby]];
  const at = { ...cursors };
  const merged: Entry[] = [];
  for (;;) {
    const [first, second] = [here[0], there[0]];
    if (first === undefined && second === undefined) return merged;
    const isPrimarys = first === undefined || (second !== undefined && timeOf(second[0]) < timeOf(first[0]));
    const [cursor, fields] = (isPrimarys ? there : here).shift() as Entry;
    at[isPrimarys ? 'primary' : 'standby'] = cursor;
    merged.push([formatCursors(at), fields]);
  }
}
