import type { DependenciesOpts, JobJson, JobState, JobType } from 'bullmq';
import { readJob } from '../job-row.ts';
import { locate } from '../keys.ts';
import { readDedup } from '../ops/dedup.ts';
import { childValues, type Dependencies, dependencies, dependencyCounts, readLogs } from '../ops/details.ts';
import {
  countPriority,
  countState,
  isFinished,
  rangeOfState,
  redisWindow,
  stateByName,
  stateName,
} from '../ops/getters.ts';
import { readMetric } from '../ops/metrics.ts';
import { readScheduler } from '../ops/scheduler.ts';
import { ChildKind } from '../schema.ts';
import { ManagingBackend } from './managing.ts';

export interface Page {
  cursor: string;
  items: { id: string; v?: unknown; err?: string }[];
  total: number;
  jobs: JobJson[];
}

/** The operations that only look: states, counts, ranges, jobs, children, logs, metrics, meta, schedulers. */
export abstract class ReadingBackend extends ManagingBackend {
  async getState(jobId: string): Promise<JobState | 'unknown'> {
    return this.read((session, queue) => {
      const job = session.jobs.head(queue.num, jobId);
      return job === undefined ? 'unknown' : stateName(job.state);
    });
  }

  async isFinished(jobId: string, returnValue = false): Promise<number | [number, string]> {
    return this.read((session, queue) => isFinished(session, queue, jobId, returnValue));
  }

  async isMaxed(): Promise<boolean> {
    return this.read((session, queue) => session.isMaxed(queue));
  }

  async isJobInState(state: string, jobId: string): Promise<boolean> {
    const code = stateByName(state);
    if (code === undefined) {
      if (state === 'paused') return false;
      throw new Error(`Unknown job state: ${state}`);
    }
    return this.read((session, queue) => session.jobs.head(queue.num, jobId)?.state === code);
  }

  async getJobData(jobId: string): Promise<JobJson | undefined> {
    return this.read((session, queue) => {
      const row = session.jobs.full(queue.num, jobId);
      return row && readJob(session, row);
    });
  }

  async getDeduplicationJobId(deduplicationId: string): Promise<string | null> {
    return this.read((session, queue) => readDedup(session, queue, deduplicationId)?.jobId ?? null);
  }

  async getJobLogs(
    jobId: string,
    start: number,
    end: number,
    asc: boolean,
  ): Promise<{ logs: string[]; count: number }> {
    return this.read((session, queue) => readLogs(session, queue, jobId, start, end, asc));
  }

  async getCounts(types: JobType[], delayedTimestamp?: number): Promise<number[]> {
    return this.read((session, queue) =>
      types.map(type => countState(session, queue, type, delayedTimestamp)),
    );
  }

  async getCountsPerPriority(priorities: number[]): Promise<number[]> {
    return this.read((session, queue) => priorities.map(priority => countPriority(session, queue, priority)));
  }

  async getRanges(types: JobType[], start = 0, end = 1, asc = false): Promise<[string][]> {
    // The contract's type says tuples of one; they are lists of ids.
    return this.read(
      (session, queue) =>
        types.map(type => rangeOfState(session, queue, type, start, end, asc)) as unknown as [string][],
    );
  }

  async getDependencyCounts(jobId: string, types: string[]): Promise<number[]> {
    return this.read((session, queue) => dependencyCounts(session, queue, jobId, types));
  }

  async getDependencies(jobId: string, opts: DependenciesOpts = {}): Promise<Dependencies> {
    return this.read((session, queue) => dependencies(session, queue, jobId, opts));
  }

  async getProcessedChildrenValues(jobId: string): Promise<Record<string, string>> {
    return this.read((session, queue) => childValues(session, queue, jobId, ChildKind.processed));
  }

  async getIgnoredChildrenFailures(jobId: string): Promise<Record<string, string>> {
    return this.read((session, queue) => childValues(session, queue, jobId, ChildKind.ignored));
  }

  async getMetrics(type: 'completed' | 'failed', start = 0, end = -1): Promise<[string[], string[], number]> {
    return this.read((session, queue) => {
      const metric = readMetric(session, queue, type);
      const points = metric?.points ?? [];
      const { offset, size } = redisWindow(start, end, points.length);
      const fields = [metric?.count, metric?.prevTs, metric?.prevCount].map(value =>
        value === null || value === undefined ? null : String(value),
      );
      // Redis answers null for a field that isn't set; the contract's type has no word for it.
      return [fields as string[], points.slice(offset, offset + size), points.length];
    });
  }

  /** A page of a parent's children by key: `…:dependencies` (ids only) or `…:processed` (with values). */
  async paginate(
    key: string,
    { start, end, fetchJobs }: { start: number; end: number; fetchJobs?: boolean },
  ): Promise<Page> {
    const cut = key.lastIndexOf(':');
    const kinds: Record<
      string,
      typeof ChildKind.pending | typeof ChildKind.processed | typeof ChildKind.ignored
    > = {
      dependencies: ChildKind.pending,
      processed: ChildKind.processed,
      failed: ChildKind.ignored,
    };
    return this.read(session => {
      const kind = kinds[key.slice(cut + 1)];
      const parent = locate(session, key.slice(0, cut));
      if (kind === undefined || parent === undefined) return { cursor: '0', items: [], total: 0, jobs: [] };
      const total = session.flows.countChildren(parent.job.row, kind);
      const { offset, size } = redisWindow(start, end, total);
      const rows = session.flows.childrenPage(parent.job.row, kind, size, offset);
      const items = rows.map(([id, value]) =>
        kind === ChildKind.pending ? { id: String(id) } : pageItem(String(id), String(value)),
      );
      const jobs: JobJson[] = [];
      for (const { id } of fetchJobs ? items : []) {
        const child = locate(session, id);
        const row = child && session.jobs.full(child.queue.num, child.job.id);
        if (row !== undefined) jobs.push(readJob(session, row));
      }
      return { cursor: '0', items, total, jobs };
    });
  }

  async getQueueMetaField(field: string): Promise<string | null> {
    return this.read((session, queue) => session.meta(queue).get(field) ?? null);
  }

  async getQueueMetaFields(fields: string[]): Promise<(string | null)[]> {
    return this.read((session, queue) => fields.map(field => session.meta(queue).get(field) ?? null));
  }

  async getQueueMeta(): Promise<Record<string, string>> {
    return this.read((session, queue) => Object.fromEntries(session.meta(queue)));
  }

  async hasQueueMetaField(field: string): Promise<boolean> {
    return this.read((session, queue) => session.meta(queue).has(field));
  }

  /** Fields and values in turn, and the next run; as with Redis an empty array when there is no such scheduler. */
  async getJobScheduler(id: string): Promise<[string[], string]> {
    return this.read((session, queue) => {
      const scheduler = readScheduler(session, queue, id);
      if (scheduler === undefined) return [] as unknown as [string[], string];
      return [Object.entries(scheduler.fields).flat(), String(scheduler.next)];
    });
  }

  async isJobScheduler(id: string): Promise<boolean> {
    return this.read((session, queue) => readScheduler(session, queue, id)?.fields.ic !== undefined);
  }

  async getJobSchedulerData(key: string): Promise<Record<string, string>> {
    return this.read((session, queue) => readScheduler(session, queue, key)?.fields ?? {});
  }

  async getJobSchedulersRange(start: number, end: number, asc: boolean): Promise<string[]> {
    return this.read((session, queue) => {
      const { offset, size } = redisWindow(start, end, session.queues.schedulerCount(queue.num));
      return session.queues.schedulers(queue.num, asc, size, offset).flatMap(row => row.map(String));
    });
  }

  async getJobSchedulersCount(): Promise<number> {
    return this.read((session, queue) => session.queues.schedulerCount(queue.num));
  }
}

function pageItem(id: string, value: string): { id: string; v?: unknown; err?: string } {
  try {
    return { id, v: JSON.parse(value) as unknown };
  } catch (error) {
    return { id, err: error instanceof Error ? error.message : String(error) };
  }
}
