export { createCache } from './cache.ts';
export type { DedupeOptions } from './dedupe/answers.ts';
export { type Deduplication, dedupe, deduplication } from './dedupe/dedupe.ts';
export { dedupeStream } from './dedupe/dedupe-stream.ts';
export { type CacheSettings, openCacheOf } from './open.ts';
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
