export type { ConfigOptions, EngineName } from './config/index.ts';
export type {
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
  TypedQueue,
  WorkerSettings,
} from './queues/index.ts';
export { isSpillwayError, SpillwayError, type SpillwayErrorCode } from './shared/errors.ts';
export type { Logger } from './shared/logger.ts';
export { createSpillway, type Spillway, type SpillwayOptions } from './spillway.ts';
