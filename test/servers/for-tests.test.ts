import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, expect, it, vi } from 'vitest';
import { WHICH_SERVERS } from './binaries.ts';
import { postgresForTests, redisForTests, startPostgres, startRedis } from './index.ts';

const asIfNoneWereInstalled = () => vi.stubEnv(WHICH_SERVERS, 'given');

afterEach(() => {
  vi.unstubAllEnvs();
});

it('uses the Redis of REDIS_URL where none is installed, and leaves it running', async () => {
  await using given = await startRedis();
  vi.stubEnv('REDIS_URL', given.url);
  asIfNoneWereInstalled();
  const server = await redisForTests();
  expect(server.url).toBe(given.url);
  await server.stop();
  const client = new Redis(given.url);
  expect(await client.ping()).toBe('PONG');
  client.disconnect();
});

it('uses a new database of POSTGRES_URL where none is installed, and drops it', async () => {
  await using given = await startPostgres();
  vi.stubEnv('POSTGRES_URL', given.url);
  asIfNoneWereInstalled();
  const databases = async (url: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ datname: string }>(
      "SELECT datname FROM pg_database WHERE datname ~ '^spillway'",
    );
    await client.end();
    return rows.map(row => row.datname);
  };
  const server = await postgresForTests();
  expect(await databases(server.url)).toEqual([new URL(server.url).pathname.slice(1)]);
  await server.stop();
  expect(await databases(given.url)).toEqual([]);
});

it('says what to do where there is neither', async () => {
  vi.stubEnv('REDIS_URL', '');
  vi.stubEnv('POSTGRES_URL', '');
  asIfNoneWereInstalled();
  await expect(redisForTests()).rejects.toThrow(
    'redis-server is not installed; `npm test` installs it or says how',
  );
  await expect(postgresForTests()).rejects.toThrow('PostgreSQL is not installed');
});
