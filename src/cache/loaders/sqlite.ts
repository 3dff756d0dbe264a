import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { inOrder } from './in-order.ts';

export interface SqliteLoader<Row> {
  db: DatabaseSync;
  /** A query for many keys, which come as a JSON list: `SELECT … FROM lead WHERE id IN (SELECT value FROM json_each(?))`. */
  sql: string;
  /** The key of a row. */
  key: (row: Row) => unknown;
}

/** A `loadMany` for node:sqlite, as `fromPostgres` for PostgreSQL. Keys are texts and numbers. */
export function fromSqlite<K extends string | number, Row>({ db, sql, key }: SqliteLoader<Row>) {
  let statement: StatementSync | undefined;
  return (keys: readonly K[]): (Row | undefined)[] => {
    statement ??= db.prepare(sql);
    return inOrder(keys, statement.all(JSON.stringify(keys)) as Row[], key);
  };
}
