export { createCache } from './cache.ts';
export type { DedupeOptions } from './dedupe/answers.ts';
export { type Deduplication, dedupe, deduplication } from './dedupe/dedupe.ts';
export { dedupeStream } from './dedupe/dedupe-stream.ts';
export { fromMongo, type MongoCollectionLike, type MongoLoader } from './loaders/mongo.ts';
export { fromPostgres, type PostgresLike, type PostgresLoader } from './loaders/postgres.ts';
export { fromSqlite, type SqliteLoader } from './loaders/sqlite.ts';
export { type CacheSettings, followSwitch, openCacheOf } from './open.ts';
export { type CachePreset, cachePresets } from './presets.ts';
export type { CacheEvents, CacheStats, Counts, NamespaceStats, RedisState } from './stats.ts';
export type {
  Cache,
  CacheNamespace,
  CacheOptions,
  Duration,
  GetOptions,
  KeyRing,
  LoadContext,
  LoadingOptions,
  MemoryOptions,
  NamespaceOptions,
  SetOptions,
  SimpleKey,
  WarmOptions,
  WarmProgress,
  WarmReport,
} from './types.ts';
