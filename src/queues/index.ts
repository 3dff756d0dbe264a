export type { WorkerBreaker } from './breaker-gate.ts';
export { createEngine, type Engine } from './engine.ts';
export type { Failover } from './failover.ts';
export { QueueRegistry, type ShutdownReport } from './registry.ts';
export type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';
export {
  FileSwitches,
  type SwitchChange,
  type Switches,
  type SwitchName,
  type SwitchState,
  type SwitchValue,
} from './switches.ts';
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
