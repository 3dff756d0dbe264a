/** Where a reader stands in the two event streams. */
export interface Cursors {
  primary: string;
  standby: string;
}

/**
 * Reads an event cursor: `<primary>|<standby>` as we give it out, or a plain one of the primary's (which a program may have
 * kept from before). `$` is from now on in both; a plain cursor starts the standby's stream from its beginning only for
 * the very first cursor, since whoever kept a newer one has seen what was there.
 */
export function parseCursors(text: string): Cursors {
  const cut = text.indexOf('|');
  if (cut >= 0) return { primary: text.slice(0, cut), standby: text.slice(cut + 1) };
  const fromStart = /^0(-0)?$/.test(text);
  return { primary: text, standby: fromStart ? '0-0' : '$' };
}

export function formatCursors({ primary, standby }: Cursors): string {
  return `${primary}|${standby}`;
}
