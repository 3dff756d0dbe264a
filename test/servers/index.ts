/** Real Redis and PostgreSQL processes for tests, benchmarks and fault runs. */
export { findPostgresBin, findRedisServer } from './binaries.ts';
export { postgresForTests, redisForTests, type TestServer } from './for-tests.ts';
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts';
export { freePort } from './process.ts';
export { type RedisOptions, type RedisServer, startRedis } from './redis.ts';
