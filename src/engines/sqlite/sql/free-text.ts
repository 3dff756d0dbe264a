/*
 * Text that people write freely (names, reasons, log lines) may hold a NUL character, which Node 22's SQLite binding takes
 * for the end of a text when it reads. Such text is stored with NUL as SUB 0, and SUB, its escape character, as SUB 1.
 * (JSON needs none of this: it escapes control characters itself.)
 */
const ESCAPE = '\x1a';

export function encodeText(text: string): string {
  if (!text.includes('\0') && !text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll('\0', `${ESCAPE}0`);
}

export function decodeText(text: string): string {
  if (!text.includes(ESCAPE)) return text;
  return text.replaceAll(`${ESCAPE}0`, '\0').replaceAll(`${ESCAPE}1`, ESCAPE);
}
