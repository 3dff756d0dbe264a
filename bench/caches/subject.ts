/** What is cached: a record of some 200 bytes, as a database would return it. */
export interface Row {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

export interface SubjectOptions {
  readonly port: number;
  /** How long a value is fresh, and how much longer it may be served when it is not; ms. */
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly load: (key: string) => Promise<Row>;
}

/** A cache with two tiers, process memory and Redis, set up as its own documentation recommends. */
export interface Subject {
  /** From the cache, else from the loader. */
  read(key: string): Promise<Row>;
  /** The fastest call for what is in memory already, where that is another one. */
  hit?(key: string): Promise<Row | undefined>;
  /** Resolves when it is in both tiers, as far as the cache tells. */
  write(key: string, row: Row): Promise<void>;
  close(): Promise<unknown>;
}

export type OpenSubject = (options: SubjectOptions) => Promise<Subject>;

export function rowOf(key: string): Row {
  return { id: key, name: `name of ${key}`, text: 'x'.repeat(140) };
}
