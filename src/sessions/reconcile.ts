import { isNewer, type SessionRecord } from './record.ts';
import type { Gone, Shared } from './shared-copy.ts';
import { isLive, type SessionRow } from './table.ts';

/** What to make of the two copies of a session: `none` and `confirm` differ in whether the file knows that they agree. */
export type Repair =
  | { kind: 'none' }
  | { kind: 'confirm'; row: SessionRow }
  /** Redis is behind. */
  | { kind: 'push'; row: SessionRow }
  /** The file is behind. */
  | { kind: 'adopt'; theirs: SessionRecord | Gone };

/** The session as it stands, undefined where there is none, and what brings the copies together. An end is final. */
export function reconcile(
  row: SessionRow | undefined,
  { data, gone }: Shared,
): { session: SessionRecord | undefined; repair: Repair } {
  if (row !== undefined && !isLive(row))
    return { session: undefined, repair: gone ? agreed(row) : { kind: 'push', row } };
  if (gone !== undefined) return { session: undefined, repair: { kind: 'adopt', theirs: gone } };
  if (row === undefined)
    return { session: data, repair: data ? { kind: 'adopt', theirs: data } : { kind: 'none' } };
  if (data === undefined || isNewer(row, data)) return { session: row, repair: { kind: 'push', row } };
  if (isNewer(data, row)) return { session: data, repair: { kind: 'adopt', theirs: data } };
  return { session: row, repair: agreed(row) };
}

function agreed(row: SessionRow): Repair {
  return row.confirmed ? { kind: 'none' } : { kind: 'confirm', row };
}
