import type { JobProgress, MinimalJob } from 'bullmq';
import type { OperationKind } from '../operation.ts';
import { type Cursor, cleanableState, cleanSlice, drainSlice, obliterateSlice, START } from '../ops/clean.ts';
import { readDedup } from '../ops/dedup.ts';
import { addLog, clearLogs, updateData, updateProgress } from '../ops/details.ts';
import { dropMeta, setMeta } from '../ops/events.ts';
import { closeFor, limitTtl, reopen, windowTtl } from '../ops/limiter.ts';
import { cutFromParent, removeFromQueue, removeUnprocessed } from '../ops/remove.ts';
import { State } from '../schema.ts';
import { WorkingBackend } from './working.ts';

/** Jobs removed in one transaction by the operations on many: about 3 ms of the event loop. */
const SLICE = 250;
const PROGRESS: OperationKind = { access: 'write', durable: true, keepsJobs: true };

/** The operations on a queue as a whole and on single jobs from outside: pause, clean, remove, data, logs, meta, limits. */
export abstract class ManagingBackend extends WorkingBackend {
  async pause(pause: boolean): Promise<void> {
    await this.write((session, queue) => {
      if (pause) setMeta(session, queue, 'paused', '1');
      else dropMeta(session, queue, 'paused');
      session.emit(queue, pause ? 'paused' : 'resumed');
    });
  }

  async drain(delayed: boolean): Promise<void> {
    for (const state of delayed
      ? [State.wait, State.delayed, State.prioritized]
      : [State.wait, State.prioritized]) {
      let from: Cursor | undefined = START;
      while (from !== undefined) {
        const start: Cursor = from;
        from = await this.write((session, queue) => drainSlice(session, queue, state, start, SLICE));
      }
    }
  }

  async cleanJobsByState(name: string, timestamp: number, limit = 0): Promise<string[]> {
    const state = cleanableState(name);
    const ids: string[] = [];
    let looked = 0;
    let from: Cursor | undefined = state === undefined ? undefined : START;
    while (from !== undefined && state !== undefined) {
      const start: Cursor = from;
      const slice = limit > 0 ? Math.min(SLICE, limit - looked) : SLICE;
      const cleaned = await this.write((session, queue) =>
        cleanSlice(session, queue, state, timestamp, start, slice),
      );
      ids.push(...cleaned.ids);
      looked += slice;
      from = limit > 0 && looked >= limit ? undefined : cleaned.next;
    }
    await this.write((session, queue) => session.emit(queue, 'cleaned', 'count', String(ids.length)));
    // Lists are told from their newest end.
    return state === State.wait || state === State.active ? ids.reverse() : ids;
  }

  async obliterate(opts: { force: boolean; count: number }): Promise<number> {
    let left = opts.count;
    while (left > 0) {
      const slice = Math.min(left, SLICE);
      const outcome = await this.write((session, queue) =>
        obliterateSlice(session, queue, slice, opts.force),
      );
      if (outcome === 'not-paused') throw new Error('Cannot obliterate non-paused queue');
      if (outcome === 'active-jobs') throw new Error('Cannot obliterate queue with active jobs');
      if (outcome === 'done') return 0;
      left -= slice;
    }
    return 1;
  }

  /** Every job here is in exactly one state, so there are none to remove: 0. */
  async removeOrphanedJobs(_count?: number, _limit?: number): Promise<number> {
    return this.read(() => 0);
  }

  async remove(jobId: string, removeChildren: boolean): Promise<number> {
    return this.coded('removeJob', { jobId }, (session, queue) =>
      removeFromQueue(session, queue, jobId, removeChildren),
    );
  }

  async removeUnprocessedChildren(jobId: string): Promise<void> {
    await this.write((session, queue) => removeUnprocessed(session, queue, jobId));
  }

  async removeChildDependency(jobId: string, parentKey: string): Promise<boolean> {
    const code = await this.coded('removeChildDependency', { jobId, parentKey }, (session, queue) =>
      cutFromParent(session, queue, jobId, parentKey),
    );
    return code === 0;
  }

  async removeDeduplicationKey(deduplicationId: string, jobId: string): Promise<number> {
    return this.write((session, queue) => {
      if (readDedup(session, queue, deduplicationId)?.jobId !== jobId) return 0;
      return session.queues.dropDedup(queue.num, deduplicationId);
    });
  }

  async deleteDeduplicationKey(deduplicationId: string): Promise<number> {
    return this.write((session, queue) => {
      const live = readDedup(session, queue, deduplicationId) !== undefined;
      session.queues.dropDedup(queue.num, deduplicationId);
      return live ? 1 : 0;
    });
  }

  async updateData<T, R, N extends string>(job: MinimalJob<T, R, N>, data: T): Promise<void> {
    const jobId = String(job.id);
    const json = JSON.stringify(data);
    await this.coded('updateData', { jobId }, (session, queue) => updateData(session, queue, jobId, json));
  }

  async updateProgress(jobId: string, progress: JobProgress): Promise<void> {
    const json = JSON.stringify(progress);
    await this.coded(
      'updateProgress',
      { jobId },
      (session, queue) => updateProgress(session, queue, jobId, json),
      PROGRESS,
    );
  }

  async addLog(jobId: string, logRow: string, keepLogs?: number): Promise<number> {
    return this.coded('addLog', { jobId }, (session, queue) =>
      addLog(session, queue, jobId, String(logRow), keepLogs),
    );
  }

  async clearLogs(jobId: string, keepLogs?: number): Promise<void> {
    await this.write((session, queue) => clearLogs(session, queue, jobId, keepLogs));
  }

  async setQueueMeta(values: Record<string, string | number>): Promise<number> {
    return this.write((session, queue) => {
      let added = 0;
      for (const [field, value] of Object.entries(values)) {
        if (setMeta(session, queue, field, String(value))) added += 1;
      }
      return added;
    });
  }

  async removeQueueMetaFields(fields: string[]): Promise<number> {
    return this.write((session, queue) => fields.filter(field => dropMeta(session, queue, field)).length);
  }

  async setRateLimit(expireTimeMs: number): Promise<void> {
    await this.write((session, queue) => closeFor(session, queue, expireTimeMs));
  }

  async removeRateLimitKey(): Promise<number> {
    return this.write((session, queue) => (reopen(session, queue) ? 1 : 0));
  }

  async getRateLimitTtl(maxJobs?: number): Promise<number> {
    return this.read((session, queue) => {
      if (maxJobs) return limitTtl(session, queue, maxJobs);
      const max = session.meta(queue).get('max');
      return max === undefined ? windowTtl(session, queue) : limitTtl(session, queue, Number(max));
    });
  }

  /** There never was such a key here: 0. */
  async removeDeprecatedPriorityKey(): Promise<number> {
    return this.read(() => 0);
  }
}
