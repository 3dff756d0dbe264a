export {
  consumerOptions,
  producerCommandTimeoutMs,
  producerOptions,
} from './connection.ts';
export { classifyFailure, type FailureClass, isAvailabilityFailure, wasNotApplied } from './failure.ts';
export { openRedis, redisOptionsOf } from './open.ts';
export { RedisProbe } from './probe.ts';
export { describeRedisTarget } from './target.ts';
