/** Real Redis and PostgreSQL processes for tests, benchmarks and fault runs. */
export { findPostgresBin, findRedisServer } from './binaries.ts';
export { Authority, type Certificate, tlsArguments } from './certificates.ts';
export { RedisCluster, startRedisCluster } from './cluster.ts';
export { postgresForTests, redisForTests, type TestServer } from './for-tests.ts';
export { type Behaviour, type OpenAiStandIn, startOpenAiStandIn } from './openai-stand-in.ts';
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts';
export { freePort } from './process.ts';
export { DURABLE, type RedisOptions, type RedisServer, startRedis } from './redis.ts';
export { type SentinelOptions, type SentinelServer, startSentinel } from './sentinel.ts';
