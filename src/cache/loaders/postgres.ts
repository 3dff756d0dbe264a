import { inOrder } from './in-order.ts';

/** The part of a node-postgres pool or client that is used. */
export interface PostgresLike {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

export interface PostgresLoader<Row> {
  db: PostgresLike;
  /** A query for many keys: `SELECT … FROM lead WHERE id = ANY($1)`. */
  sql: string;
  /** The key of a row. */
  key: (row: Row) => unknown;
}

/**
 * A `loadMany` for PostgreSQL: one query for all keys that were missed in the same turn, be it one or a hundred.
 * `undefined` for keys that have no row; of several rows with the same key the last.
 */
export function fromPostgres<K, Row>({ db, sql, key }: PostgresLoader<Row>) {
  return async (keys: readonly K[]): Promise<(Row | undefined)[]> => {
    const { rows } = await db.query(sql, [keys]);
    return inOrder(keys, rows as Row[], key);
  };
}
