export {
  consumerOptions,
  producerCommandTimeoutMs,
  producerOptions,
  type RedisTuning,
  redisTuningDefaults,
} from './connection.ts';
export { describeRedisTarget, parseRedisUrl, redisUrlRange } from './url.ts';
