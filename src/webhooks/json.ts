export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The list under a key, or none. */
export function listAt(value: unknown, key: string): readonly unknown[] {
  if (!isRecord(value)) return [];
  const list = value[key];
  return Array.isArray(list) ? list : [];
}

/** The text (or the number as text) under a key, or ''. */
export function textAt(value: unknown, key: string): string {
  if (!isRecord(value)) return '';
  const text = value[key];
  return typeof text === 'string' ? text : typeof text === 'number' ? String(text) : '';
}
