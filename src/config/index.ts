export { type EnvironmentName, environmentNames } from './environment.ts';
export { clusterPrefix, redisOptionsOf } from './redis-target.ts';
export { configDefaults, resolveConfig } from './resolve.ts';
export {
  type Config,
  type ConfigOptions,
  type ConfigWarning,
  type EngineChoice,
  type EngineName,
  engineNames,
  type FailoverOptions,
  type RedisNode,
  type RedisTarget,
  type RedisTuning,
  type SqliteOptions,
} from './types.ts';
