import type { IQueueBackend, JobProgress, MinimalJob } from 'bullmq';
import { cursorOnStandby } from '../cursors.ts';
import { LOCKED } from '../refusals.ts';
import { unlessOut } from '../standby-watch.ts';
import { WorkingBackend } from './working.ts';

/**
 * The operations on a queue as a whole and on single jobs from outside. What concerns one job goes where it lives; what
 * concerns the queue goes to both homes. While the primary is away, what must hold there too (pause, settings, rate
 * limits, freed de-duplication keys, a job's progress, log and data) is kept for it; what would act on jobs not seen now (drain, clean, obliterate) is not.
 */
export abstract class ManagingBackend extends WorkingBackend {
  async pause(pause: boolean): Promise<void> {
    const outcome = await this.tryPrimary(primary => primary.pause(pause));
    if (!outcome.ok) {
      await this.standby.pause(pause);
      await this.#deferForQueue('pause', [pause]);
      return;
    }
    // It holds on the standby too, but is told once.
    const { standby } = this;
    await unlessOut(
      pause ? standby.setQueueMeta({ paused: 1 }) : standby.removeQueueMetaFields(['paused']),
      0,
    );
  }

  async setQueueMeta(values: Record<string, string | number>): Promise<number> {
    return this.#onBothOrLater('setMeta', [values], backend => backend.setQueueMeta(values));
  }

  async removeQueueMetaFields(fields: string[]): Promise<number> {
    return this.#onBothOrLater('removeMeta', [fields], backend => backend.removeQueueMetaFields(fields));
  }

  async #onBothOrLater<T>(
    op: string,
    args: readonly unknown[],
    call: (backend: IQueueBackend) => Promise<T>,
  ): Promise<T> {
    const here = call(this.standby);
    const [outcome] = await Promise.all([this.tryPrimary(call), unlessOut<T | undefined>(here, undefined)]);
    if (outcome.ok) return outcome.value;
    await this.#deferForQueue(op, args);
    return here;
  }

  #deferForQueue(op: string, args: readonly unknown[]): Promise<void> {
    return this.controller.defer({ queue: this.qualifiedName, job: null, op, args });
  }

  /** On the primary, and on the standby if it holds any of the queue's jobs. Answers of both, the primary's first. */
  protected async onBoth<T>(call: (backend: IQueueBackend) => Promise<T>): Promise<T[]> {
    if (this.usesPrimary && this.standbyHolds) return this.lookAtBoth(() => this.#onEach(call));
    const outcome = await this.tryPrimary(call);
    return [outcome.ok ? outcome.value : await call(this.standby)];
  }

  async #onEach<T>(call: (backend: IQueueBackend) => Promise<T>): Promise<T[]> {
    const outcome = await this.tryPrimary(call);
    return [...(outcome.ok ? [outcome.value] : []), await call(this.standby)];
  }

  /** No job goes from one home to the other in the meantime. */
  protected lookAtBoth<T>(look: () => Promise<T>): Promise<T> {
    return this.controller.betweenBatches.look(look);
  }

  async drain(delayed: boolean): Promise<void> {
    await this.onBoth(backend => backend.drain(delayed));
  }

  async cleanJobsByState(state: string, timestamp: number, limit?: number): Promise<string[]> {
    let left = limit;
    const cleaned = await this.onBoth(async backend => {
      if (limit && left === 0) return [];
      const ids = await backend.cleanJobsByState(state, timestamp, left);
      if (left) left -= ids.length;
      return ids;
    });
    return cleaned.flat();
  }

  /**
   * On the standby also when it holds no jobs: it knows the settings. While the primary is away its jobs stay, but what was
   * kept for the queue is dropped.
   */
  async obliterate(opts: { force: boolean; count: number }): Promise<number> {
    const outcome = await this.tryPrimary(primary => primary.obliterate(opts));
    if (!outcome.ok) {
      const [here] = await Promise.all([
        this.standby.obliterate(opts),
        this.controller.ledger.dropDeferredOf(this.qualifiedName),
      ]);
      return here;
    }
    // It was paused, or the primary would have refused; another machine may have done that.
    await unlessOut(this.standby.setQueueMeta({ paused: 1 }), 0);
    // All of it now: once the primary is done it is no longer paused, and would refuse to be asked again.
    while ((await unlessOut(this.standby.obliterate(opts), 0)) > 0);
    return outcome.value;
  }

  async removeOrphanedJobs(count?: number, limit?: number): Promise<number> {
    return sum(await this.onBoth(backend => backend.removeOrphanedJobs(count, limit)));
  }

  async retryFinishedJobs(
    state?: 'completed' | 'failed',
    count?: number,
    timestamp?: number,
  ): Promise<number> {
    const answers = await this.onBoth(backend => backend.retryFinishedJobs(state, count, timestamp));
    if (this.standbyHolds) this.controller.noteWork(this.qualifiedName);
    return Math.max(...answers);
  }

  async promoteJobs(count?: number): Promise<number> {
    return Math.max(...(await this.onBoth(backend => backend.promoteJobs(count))));
  }

  async remove(jobId: string, removeChildren: boolean): Promise<number> {
    // In work here: its lock is held, also while the primary is away.
    if (!this.usesPrimary && this.placeOfClaim(jobId) === 'primary') return LOCKED;
    const removed = await this.onJobOrLater(jobId, 'remove', [removeChildren], backend =>
      backend.remove(jobId, removeChildren),
    );
    this.controller.journal?.finished(this.qualifiedName, jobId);
    // Kept for later counts as removed, as a job that is not there does.
    return removed ?? 1;
  }

  async removeUnprocessedChildren(jobId: string): Promise<void> {
    await this.onJob(jobId, backend => backend.removeUnprocessedChildren(jobId));
  }

  async removeChildDependency(jobId: string, parentKey: string): Promise<boolean> {
    return this.onJob(jobId, backend => backend.removeChildDependency(jobId, parentKey));
  }

  async removeDeduplicationKey(deduplicationId: string, jobId: string): Promise<number> {
    return this.#freeKey('freeKeyOf', [deduplicationId, jobId], backend =>
      backend.removeDeduplicationKey(deduplicationId, jobId),
    );
  }

  async deleteDeduplicationKey(deduplicationId: string): Promise<number> {
    return this.#freeKey('freeKey', [deduplicationId], backend =>
      backend.deleteDeduplicationKey(deduplicationId),
    );
  }

  /** Kept for a primary that is away: what is added after it, and given back, would be a duplicate there. */
  async #freeKey(
    op: string,
    args: readonly unknown[],
    call: (backend: IQueueBackend) => Promise<number>,
  ): Promise<number> {
    const { here, there } = await this.lookAtBoth(async () => ({
      here: this.standbyHolds ? await call(this.standby) : 0,
      there: await this.tryPrimary(call),
    }));
    if (there.ok) return Math.max(here, there.value);
    await this.#deferForQueue(op, args);
    return here;
  }

  async updateData<T, R, N extends string>(job: MinimalJob<T, R, N>, data: T): Promise<void> {
    await this.onJobOrLater(String(job.id), 'data', [data], backend => backend.updateData(job, data));
  }

  async updateProgress(jobId: string, progress: JobProgress): Promise<void> {
    await this.onJobOrLater(jobId, 'progress', [progress], backend =>
      backend.updateProgress(jobId, progress),
    );
  }

  /** Answers how many lines the job has; 0 when the line is kept for a primary that is away. */
  async addLog(jobId: string, logRow: string, keepLogs?: number): Promise<number> {
    const lines = await this.onJobOrLater(jobId, 'log', [logRow, keepLogs ?? null], backend =>
      backend.addLog(jobId, logRow, keepLogs),
    );
    return lines ?? 0;
  }

  async clearLogs(jobId: string, keepLogs?: number): Promise<void> {
    await this.onJobOrLater(jobId, 'clearLogs', [keepLogs ?? null], backend =>
      backend.clearLogs(jobId, keepLogs),
    );
  }

  /** What is left of it on return is told to a primary that is away. A standby that is out keeps no worker waiting. */
  async setRateLimit(expireTimeMs: number): Promise<void> {
    const until = this.controller.clock.now() + expireTimeMs;
    await this.#onBothUnlessOut('rateLimit', [expireTimeMs, until], backend =>
      backend.setRateLimit(expireTimeMs),
    );
  }

  async removeRateLimitKey(): Promise<number> {
    const removed = await this.#onBothUnlessOut('removeRateLimit', [], backend =>
      backend.removeRateLimitKey(),
    );
    return removed ?? 0;
  }

  /** On both homes, and kept for a primary that is away; a standby that is out doesn't make it fail. */
  async #onBothUnlessOut<T>(
    op: string,
    args: readonly unknown[],
    call: (backend: IQueueBackend) => Promise<T>,
  ): Promise<T | undefined> {
    const here = unlessOut<T | undefined>(call(this.standby), undefined);
    const [outcome] = await Promise.all([this.tryPrimary(call), here]);
    if (outcome.ok) return outcome.value;
    await unlessOut(this.#deferForQueue(op, args), undefined);
    return here;
  }

  async getRateLimitTtl(maxJobs?: number): Promise<number> {
    const outcome = await this.tryPrimary(primary => primary.getRateLimitTtl(maxJobs));
    return outcome.ok ? outcome.value : this.standby.getRateLimitTtl(maxJobs);
  }

  async removeDeprecatedPriorityKey(): Promise<number> {
    return sum(await this.onBoth(backend => backend.removeDeprecatedPriorityKey()));
  }

  async trimEvents(maxLength: number): Promise<number> {
    // The standby has events also when it has no jobs any more.
    const outcome = await this.tryPrimary(primary => primary.trimEvents(maxLength));
    if (!outcome.ok) return this.standby.trimEvents(maxLength);
    return outcome.value + (await unlessOut(this.standby.trimEvents(maxLength), 0));
  }

  async publishEvent(fields: Record<string, string | number>, maxEvents: number): Promise<string> {
    const outcome = await this.tryPrimary(primary => primary.publishEvent(fields, maxEvents));
    if (outcome.ok) return outcome.value;
    return cursorOnStandby(await this.standby.publishEvent(fields, maxEvents));
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
