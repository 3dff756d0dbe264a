import { inOrder } from './in-order.ts';
import { aFunction, aQuery, checkLoaderOptions, having } from './options.ts';

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
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function fromPostgres<K, Row>(options: PostgresLoader<Row>) {
  checkLoaderOptions('fromPostgres', options, {
    db: having('query', 'a pool or a client of node-postgres, with the method query'),
    sql: aQuery,
    key: aFunction,
  });
  const { db, sql, key } = options;
  return async (keys: readonly K[]): Promise<(Row | undefined)[]> => {
    const { rows } = await db.query(sql, [keys]);
    return inOrder(keys, rows as Row[], key);
  };
}
