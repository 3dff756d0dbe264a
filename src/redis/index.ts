export { clusterPrefix, type RedisTarget, redisOptionsOf } from '../config/index.ts';
export { forgetAbortedScripts } from './aborted.ts';
export { createTargetBackend } from './backend.ts';
export {
  consumerOptions,
  producerCommandTimeoutMs,
  producerOptions,
  retryStrategy,
} from './connection.ts';
export { DeadlineError, within } from './deadline.ts';
export { describeFailure, type Failure, remedyOf, serverWarnings } from './diagnose.ts';
export type { ServerFacts } from './facts.ts';
export { classifyFailure, type FailureClass, isAvailabilityFailure, wasNotApplied } from './failure.ts';
export { gatherWrites } from './gather.ts';
export { openRedis, type RedisClient } from './open.ts';
export { type ProbeResult, RedisProbe, type RedisProbeOptions } from './probe.ts';
export { describeRedisTarget } from './target.ts';
