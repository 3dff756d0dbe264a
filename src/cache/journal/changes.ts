interface Named {
  /** Of an entry, or of a tag, in Redis. */
  name: string;
  /** What all names of its namespace begin with. */
  base: string;
  version: number;
}

/** What a caller changed, to be done in Redis: now, or when it is back. The newest of a name is the one that counts. */
export type Change =
  | (Named & {
      kind: 'put';
      frame: Buffer;
      /** How long Redis is to keep it, from its version on. */
      ms: number;
      /** There is a loader: forgetting the value is as good as keeping it. */
      reloadable: boolean;
    })
  | (Named & { kind: 'delete' })
  | (Named & { kind: 'tag' });
