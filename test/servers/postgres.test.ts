import { existsSync } from 'node:fs';
import pg from 'pg';
import { expect, it } from 'vitest';
import { postgresForTests, startPostgres } from './index.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

it('answers, survives a kill with its data, and ends without leaving its folder', async () => {
  const server = await startPostgres();
  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await query(server.url, "CREATE TABLE kept AS SELECT 'yes' AS value");
  const { pid } = server;
  await server.kill();
  await expect(query(server.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  await server.restart();
  expect(server.pid).not.toBe(pid);
  expect(await query(server.url, 'SELECT value FROM kept')).toEqual([{ value: 'yes' }]);
  expect(server.log()).toContain('ready to accept connections');
  await server.stop();
  expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  expect(existsSync(server.dir)).toBe(false);
});

it('hangs with its open connections while paused, and answers after', async () => {
  await using server = await startPostgres();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  server.pause();
  let answered = false;
  const reply = client.query('SELECT 1 AS one').then(({ rows }) => {
    answered = true;
    return rows;
  });
  await new Promise(resolve => setImmediate(resolve));
  expect(answered).toBe(false);
  server.resume();
  expect(await reply).toEqual([{ one: 1 }]);
  await client.end();
});

it('stops at once though a client is still connected', async () => {
  const server = await startPostgres();
  const client = new pg.Client({ connectionString: server.url });
  const gone = new Promise(resolve => client.on('error', resolve));
  await client.connect();
  await server.stop();
  await gone;
  expect(server.running).toBe(false);
});

it('gives a test that needs any PostgreSQL one', async () => {
  await using server = await postgresForTests();
  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});
