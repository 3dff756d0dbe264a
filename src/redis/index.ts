export {
  consumerOptions,
  producerCommandTimeoutMs,
  producerOptions,
} from './connection.ts';
export { DeadlineError, within } from './deadline.ts';
export { describeFailure, type Failure, serverWarnings } from './diagnose.ts';
export type { ServerFacts } from './facts.ts';
export { classifyFailure, type FailureClass, isAvailabilityFailure, wasNotApplied } from './failure.ts';
export type { RedisClient } from './link.ts';
export { openRedis, redisOptionsOf } from './open.ts';
export { type ProbeResult, RedisProbe, type RedisProbeOptions } from './probe.ts';
export { describeRedisTarget } from './target.ts';
