import type { JobsOptions, RepeatOptions } from 'bullmq';
import { nearestOption } from '../shared/unknown-option.ts';
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

const jobOptions = {
  timestamp: true,
  priority: true,
  delay: true,
  attempts: true,
  backoff: true,
  lifo: true,
  removeOnComplete: true,
  removeOnFail: true,
  keepLogs: true,
  stackTraceLimit: true,
  sizeLimit: true,
  repeatJobKey: true,
  jobId: true,
  parent: true,
  prevMillis: true,
  deduplication: true,
  failParentOnFailure: true,
  continueParentOnFailure: true,
  ignoreDependencyOnFailure: true,
  removeDependencyOnFailure: true,
  telemetry: true,
} as const satisfies Record<keyof JobsOptions, true>;

const repeatOptions = {
  endDate: true,
  startDate: true,
  pattern: true,
  key: true,
  limit: true,
  every: true,
  immediately: true,
  count: true,
  offset: true,
  prevMillis: true,
  jobId: true,
  tz: true,
} as const satisfies Record<keyof RepeatOptions, true>;

const knownOf = { queue: queueOptions, worker: workerOptions, job: jobOptions, repeat: repeatOptions };

/**
 * An option of a job or of its schedule that is one of BullMQ's but for a slip, with that one. Others are no error, since a
 * newer BullMQ may know them.
 */
export function misspeltOption(
  of: 'job' | 'repeat',
  given: object,
): { option: string; meant: string } | undefined {
  const known = knownOf[of];
  for (const option in given) {
    if (Object.hasOwn(known, option)) continue;
    const meant = nearestOption(option, Object.keys(known));
    if (meant !== undefined) return { option, meant };
  }
  return undefined;
}

/** ` (did you mean …?)`, or nothing. */
export function meantBy(of: 'queue' | 'worker', option: string): string {
  const meant = nearestOption(option, Object.keys(knownOf[of]));
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}

/**
 * The options that neither BullMQ nor Spillway has: misspelt ones, most likely, which the compiler does not see beside a
 * `schema`. They are no error, since a newer BullMQ may know them.
 */
export function unknownOptions(of: 'queue' | 'worker', settings: object): string[] {
  return Object.keys(settings).filter(option => !Object.hasOwn(knownOf[of], option));
}
