import type { Queue } from 'bullmq';
import type { JobState, JobStatus, QueueStats } from './types.ts';

/** Counts of one queue, in Spillway's names. */
export async function readStats(queue: Queue): Promise<QueueStats> {
  const counts = await queue.getJobCounts(
    'wait',
    'active',
    'completed',
    'failed',
    'delayed',
    'prioritized',
    'waiting-children',
  );
  const prioritized = counts.prioritized ?? 0;
  const states = {
    waiting: (counts.wait ?? counts.waiting ?? 0) + prioritized,
    active: counts.active ?? 0,
    completed: counts.completed ?? 0,
    failed: counts.failed ?? 0,
    delayed: counts.delayed ?? 0,
    waitingChildren: counts['waiting-children'] ?? 0,
  };
  return { ...states, prioritized, total: Object.values(states).reduce((sum, count) => sum + count, 0) };
}

/** One job, or undefined when there is none or it was removed while being read. */
export async function readJob(queue: Queue, id: string): Promise<JobStatus | undefined> {
  const job = await queue.getJob(id);
  if (job === undefined || job === null) return undefined;
  const state = await queue.getJobState(id);
  if (state === 'unknown') return undefined;
  return {
    id,
    name: job.name,
    queue: queue.name,
    state: state as JobState,
    progress: job.progress,
    attemptsMade: job.attemptsMade,
    timestamps: {
      created: job.timestamp,
      ...(job.processedOn === undefined ? {} : { started: job.processedOn }),
      ...(job.finishedOn === undefined ? {} : { finished: job.finishedOn }),
    },
    ...(job.failedReason === undefined ? {} : { failedReason: job.failedReason }),
    ...(job.returnvalue === undefined || job.returnvalue === null ? {} : { returnvalue: job.returnvalue }),
  };
}
