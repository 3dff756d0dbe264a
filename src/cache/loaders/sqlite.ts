import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { inOrder } from './in-order.ts';
import { aFunction, aQuery, checkLoaderOptions, having } from './options.ts';

export interface SqliteLoader<Row> {
  db: DatabaseSync;
  /** A query for many keys, which come as a JSON list: `SELECT … FROM lead WHERE id IN (SELECT value FROM json_each(?))`. */
  sql: string;
  /** The key of a row. */
  key: (row: Row) => unknown;
}

/**
 * A `loadMany` for node:sqlite, as `fromPostgres` for PostgreSQL. Keys are texts and numbers.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function fromSqlite<K extends string | number, Row>(options: SqliteLoader<Row>) {
  checkLoaderOptions('fromSqlite', options, {
    db: having('prepare', 'a database of node:sqlite, with the method prepare'),
    sql: aQuery,
    key: aFunction,
  });
  const { db, sql, key } = options;
  let statement: StatementSync | undefined;
  return (keys: readonly K[]): (Row | undefined)[] => {
    statement ??= db.prepare(sql);
    return inOrder(keys, statement.all(JSON.stringify(keys)) as Row[], key);
  };
}
