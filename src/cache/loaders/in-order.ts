/** Rows as a database returned them, in the order of the keys they were asked for; undefined where there is none. */
export function inOrder<K, Row>(
  keys: readonly K[],
  rows: readonly Row[],
  keyOf: (row: Row) => unknown,
): (Row | undefined)[] {
  // As texts: a driver may give back a bigint or an ObjectId where a number or a text was asked for.
  const byKey = new Map(rows.map(row => [String(keyOf(row)), row]));
  return keys.map(key => byKey.get(String(key)));
}
