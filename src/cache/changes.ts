/** What a caller changed, to be done in Redis: now, or when it is back. The newest of a name is the one that counts. */
export type Change =
  | { kind: 'put'; name: string; version: number; frame: Buffer; ms: number }
  | { kind: 'delete'; name: string; version: number }
  | { kind: 'tag'; name: string; version: number };
