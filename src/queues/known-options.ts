import type { QueueDeclaration, WorkerSettings } from './types.ts';

const queueOptions = {
  connection: true,
  blockingConnection: true,
  skipVersionCheck: true,
  telemetry: true,
  skipWaitingForReady: true,
  prefix: true,
  defaultJobOptions: true,
  streams: true,
  skipMetasUpdate: true,
  settings: true,
  inline: true,
  schema: true,
} as const satisfies Record<keyof QueueDeclaration | 'connection', true>;

const workerOptions = {
  connection: true,
  blockingConnection: true,
  skipVersionCheck: true,
  telemetry: true,
  skipWaitingForReady: true,
  prefix: true,
  name: true,
  autorun: true,
  concurrency: true,
  limiter: true,
  metrics: true,
  maximumRateLimitDelay: true,
  maxStartedAttempts: true,
  maxStalledCount: true,
  stalledInterval: true,
  removeOnComplete: true,
  removeOnFail: true,
  skipStalledCheck: true,
  skipLockRenewal: true,
  drainDelay: true,
  lockDuration: true,
  lockRenewTime: true,
  runRetryDelay: true,
  settings: true,
  useWorkerThreads: true,
  workerForkOptions: true,
  workerThreadsOptions: true,
  breaker: true,
} as const satisfies Record<keyof WorkerSettings | 'connection', true>;

/**
 * The options that neither BullMQ nor Spillway has: misspelt ones, most likely, which the compiler does not see beside a
 * `schema`. They are no error, since a newer BullMQ may know them.
 */
export function unknownOptions(of: 'queue' | 'worker', settings: object): string[] {
  const known = of === 'queue' ? queueOptions : workerOptions;
  return Object.keys(settings).filter(option => !Object.hasOwn(known, option));
}
