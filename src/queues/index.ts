export { createEngine, type Engine } from './engine.ts';
export { QueueRegistry, type ShutdownReport } from './registry.ts';
export type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';
export type {
  FlowSettings,
  JobState,
  JobStatus,
  QueueDeclaration,
  QueueDeclarations,
  QueueEventsSettings,
  QueueName,
  QueueSettings,
  QueueStats,
  Queues,
  SpillwayStats,
  TypedQueue,
  TypedQueueName,
  Untyped,
  WorkerSettings,
} from './types.ts';
