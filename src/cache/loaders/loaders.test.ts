import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { postgresForTests } from '../../../test/servers/index.ts';
import { createCache, fromMongo, fromPostgres, fromSqlite } from '../index.ts';

interface Lead {
  id: number;
  name: string;
  at: Date;
}

function cacheForTest() {
  const cache = createCache();
  onTestFinished(() => cache.close());
  return cache;
}

it('reads many rows of PostgreSQL with one query, one with the same', async () => {
  await using server = await postgresForTests();
  const db = new pg.Client({ connectionString: server.url });
  await db.connect();
  try {
    await db.query('CREATE TABLE lead (id int PRIMARY KEY, name text, at timestamptz)');
    await db.query("INSERT INTO lead VALUES (1, 'Ada', to_timestamp(0)), (3, 'Grace', to_timestamp(1))");
    const sql = 'SELECT id, name, at FROM lead WHERE id = ANY($1)';
    const loadMany = fromPostgres<number, Lead>({ db, sql, key: row => row.id });
    const lead = cacheForTest().namespace('lead', { ttl: '10m', loadMany });
    const grace = { id: 3, name: 'Grace', at: new Date(1000) };
    expect(await lead.getMany([3, 2, 1])).toEqual([
      grace,
      undefined,
      { id: 1, name: 'Ada', at: new Date(0) },
    ]);
    expect(await lead.get(3)).toEqual(grace);
    expect(lead.stats()).toMatchObject({ loads: 1, memoryHits: 1 });
  } finally {
    await db.end();
  }
});

it('reads many rows of SQLite with one query', async () => {
  const db = new DatabaseSync(':memory:');
  onTestFinished(() => db.close());
  db.exec("CREATE TABLE lead (id TEXT PRIMARY KEY, name TEXT); INSERT INTO lead VALUES ('a''', 'Ada')");
  const sql = 'SELECT id, name FROM lead WHERE id IN (SELECT value FROM json_each(?))';
  const loadMany = fromSqlite<string, { id: string; name: string }>({ db, sql, key: row => row.id });
  const lead = cacheForTest().namespace('lead', { ttl: '10m', loadMany });
  expect(await lead.getMany(['none', "a'"])).toEqual([undefined, { id: "a'", name: 'Ada' }]);
  expect(lead.stats().loads).toBe(1);
});

it('asks MongoDB with $in, with ids as the database has them', async () => {
  const filters: unknown[] = [];
  // No MongoDB server is at hand: this is the part of its interface that is used.
  const collection = {
    find: (filter: Record<string, unknown>) => {
      filters.push(filter);
      return { toArray: async () => [{ _id: { toString: () => 'id-2' }, name: 'Ada' }] };
    },
  };
  const loadMany = fromMongo<number, { name: string }>({ collection, id: key => `id-${key}` });
  expect((await loadMany([1, 2])).map(doc => doc?.name)).toEqual([undefined, 'Ada']);
  expect(filters).toEqual([{ _id: { $in: ['id-1', 'id-2'] } }]);
});
