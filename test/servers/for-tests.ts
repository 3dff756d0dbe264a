import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { findPostgresBin, findRedisServer } from './binaries.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

/** A server for a test that does not need to hurt it: one of ours, or the one of REDIS_URL / POSTGRES_URL. */
export interface TestServer extends AsyncDisposable {
  url: string;
  /** Nobody else's: use it as BullMQ's `prefix`, since the server may be shared. */
  prefix: string;
  stop(): Promise<void>;
}

/** A Redis: an own process where redis-server is installed, else the server of REDIS_URL. */
export async function redisForTests(): Promise<TestServer> {
  const given = process.env.REDIS_URL;
  if (findRedisServer() === undefined && given) return testServer(given, async () => {});
  const server = await startRedis();
  return testServer(server.url, () => server.stop());
}

/** A PostgreSQL: an own process where it is installed, else a new database, dropped after, on POSTGRES_URL's. */
export async function postgresForTests(): Promise<TestServer> {
  const given = process.env.POSTGRES_URL;
  if (findPostgresBin() === undefined && given) {
    const name = uniqueName();
    await execute(given, `CREATE DATABASE ${name}`);
    const url = new URL(given);
    url.pathname = `/${name}`;
    return testServer(url.href, () => execute(given, `DROP DATABASE ${name} WITH (FORCE)`));
  }
  const server = await startPostgres();
  return testServer(server.url, () => server.stop());
}

function testServer(url: string, stop: () => Promise<void>): TestServer {
  return { url, prefix: uniqueName(), stop, [Symbol.asyncDispose]: stop };
}

function uniqueName(): string {
  return `spillway_test_${randomBytes(6).toString('hex')}`;
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
