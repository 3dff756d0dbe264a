export type {
  Breaker,
  BreakerMode,
  BreakerOptions,
  BreakerSettings,
  BreakerState,
  BreakerStats,
  Breakers,
  CallContext,
  ModeOverride,
  SetMode,
  Verdict,
} from './breakers/index.ts';
export type {
  Cache,
  CacheNamespace,
  CacheSettings,
  LoadingOptions,
  NamespaceOptions,
} from './cache/index.ts';
export type { ConfigOptions, EngineChoice, EngineName, FailoverOptions } from './config/index.ts';
export type {
  DrainProgress,
  EngineState,
  FailoverEvents,
  FailoverStatus,
  InlineHandler,
  InlineJob,
  Loss,
  Rung,
  Transition,
} from './engines/failover/index.ts';
export type {
  Failover,
  FlowSettings,
  JobState,
  JobStatus,
  QueueDeclaration,
  QueueDeclarations,
  QueueEventsSettings,
  QueueSettings,
  QueueStats,
  SpillwayStats,
  StandardSchema,
  SwitchChange,
  Switches,
  SwitchName,
  SwitchState,
  SwitchValue,
  TypedQueue,
  WorkerBreaker,
  WorkerSettings,
} from './queues/index.ts';
export { isSpillwayError, SpillwayError, type SpillwayErrorCode } from './shared/errors.ts';
export type { Logger } from './shared/logger.ts';
export { createSpillway, type Spillway, type SpillwayOptions } from './spillway.ts';
