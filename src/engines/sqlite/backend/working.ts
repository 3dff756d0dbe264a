import type {
  KeepJobs,
  MinimalJob,
  MoveToDelayedOpts,
  MoveToWaitingChildrenOpts,
  RetryJobOpts,
  RetryOptions,
} from 'bullmq';
import { refuse } from '../codes.ts';
import { type OperationKind, WRITE } from '../operation.ts';
import { type ClaimOptions, moveToActive } from '../ops/claim.ts';
import { type Finish, finish, keepJobs } from '../ops/finish.ts';
import { extendLock } from '../ops/locks.ts';
import {
  changeDelay,
  changePriority,
  moveJobsToWait,
  moveToDelayed,
  moveToWait,
  moveToWaitingChildren,
  promote,
  reprocess,
  retryJob,
} from '../ops/moves.ts';
import { recoverStalled } from '../ops/stalled.ts';
import { ProducingBackend } from './producing.ts';

/** A claim that is lost in a power loss leaves the job waiting: no fsync of its own. */
const CLAIM: OperationKind = { access: 'write', keepsJobs: true, claims: true };
const RENEW: OperationKind = { access: 'write', keepsJobs: true };
/** What a worker reports of a job it ran. */
const REPORT: OperationKind = { access: 'write', durable: true, report: true };
const FINISH: OperationKind = { ...REPORT, keepsJobs: true, claims: true };
/** Jobs moved in one transaction by the operations on many. */
const SLICE = 1000;
const DELAYED_FOREVER = Number.MAX_VALUE;

type Answer = unknown[];

/** The operations of workers: claim, finish, retry, delay, locks, stalled jobs. */
export abstract class WorkingBackend extends ProducingBackend {
  moveToActive(token: string, name?: string): Promise<Answer> {
    return this.write((session, queue) => moveToActive(session, queue, this.#claim(token, name)), CLAIM);
  }

  /**
   * Whether all of the queue's jobs are here, so that it is drained when none is left. Looked at when a job finishes.
   *
   * @internal
   */
  isWhole = true;

  moveToCompleted<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    returnValue: R,
    removeOnComplete: boolean | number | KeepJobs,
    token: string,
    fetchNext: boolean,
  ): Promise<{ result: Answer; finishedOn: number }> {
    const value = JSON.stringify(returnValue) ?? 'null';
    const keep = keepJobs(removeOnComplete, this.options.removeOnComplete);
    return this.#finish(job, 'completed', value, keep, token, fetchNext, undefined);
  }

  moveToFailed<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    failedReason: string,
    removeOnFail: boolean | number | KeepJobs,
    token: string,
    fetchNext: boolean,
    fieldsToUpdate?: Record<string, unknown>,
  ): Promise<{ result: Answer; finishedOn: number }> {
    const reason = failedReason === undefined ? 'null' : String(failedReason);
    const keep = keepJobs(removeOnFail, this.options.removeOnFail);
    return this.#finish(job, 'failed', reason, keep, token, fetchNext, fieldsToUpdate);
  }

  #finish<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    target: Finish['target'],
    value: string,
    keep: Finish['keep'],
    token: string,
    fetchNext: boolean,
    fields: Record<string, unknown> | undefined,
  ): Promise<{ result: Answer; finishedOn: number }> {
    const finishedOn = Date.now();
    const id = String(job.id);
    const report: Finish = {
      id,
      target,
      value,
      keep,
      attempts: job.opts.attempts,
      fetchNext: fetchNext && this.closing === undefined,
      tellsDrained: this.isWhole,
      maxMetrics: this.options.metrics?.maxDataPoints ?? 0,
      fields,
      claim: this.#claim(token, this.options.name),
    };
    return this.write((session, queue) => {
      const result = finish(session, queue, report, finishedOn);
      if (typeof result === 'number') {
        throw refuse({ code: result, jobId: id, command: 'moveToFinished', state: 'active' });
      }
      return { result, finishedOn };
    }, FINISH);
  }

  #claim(token: string, name: string | undefined): ClaimOptions {
    return { token, name, lockDuration: this.lockDuration, limiter: this.options.limiter };
  }

  async moveToDelayed(
    jobId: string,
    timestamp: number,
    delay: number,
    token = '0',
    opts: MoveToDelayedOpts = {},
  ): Promise<Answer> {
    const fetchNext = opts.fetchNext === true && this.closing === undefined;
    return this.write((session, queue) => {
      const result = moveToDelayed(session, queue, {
        id: jobId,
        timestamp,
        delay,
        token,
        skipAttempt: opts.skipAttempt === true,
        fields: opts.fieldsToUpdate,
        claim: fetchNext ? this.#claim(token, this.options.name) : undefined,
      });
      if (typeof result === 'number') {
        throw refuse({ code: result, jobId, command: 'moveToDelayed', state: 'active' });
      }
      return result;
    }, REPORT);
  }

  async moveToWaitingChildren(
    jobId: string,
    token: string,
    opts: MoveToWaitingChildrenOpts = {},
  ): Promise<boolean> {
    const child = opts.child === undefined ? null : `${opts.child.queue}:${opts.child.id}`;
    const code = await this.coded(
      'moveToWaitingChildren',
      { jobId, state: 'active' },
      (session, queue) => moveToWaitingChildren(session, queue, jobId, token, child),
      REPORT,
    );
    return code === 0;
  }

  moveJobFromActiveToWait(jobId: string, token = '0'): Promise<number> {
    return this.coded(
      'moveJobFromActiveToWait',
      { jobId, state: 'active' },
      (session, queue) => moveToWait(session, queue, jobId, token),
      REPORT,
    );
  }

  async retryJob(jobId: string, lifo: boolean, token = '0', opts: RetryJobOpts = {}): Promise<void> {
    await this.coded(
      'retryJob',
      { jobId, state: 'active' },
      (session, queue) => retryJob(session, queue, jobId, lifo, token, opts.fieldsToUpdate),
      REPORT,
    );
  }

  async retryFinishedJob<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    state: 'failed' | 'completed',
    opts: RetryOptions = {},
  ): Promise<void> {
    const jobId = String(job.id);
    await this.coded('reprocessJob', { jobId, state }, (session, queue) =>
      reprocess(session, queue, jobId, state, Boolean(job.opts.lifo), {
        attemptsMade: opts.resetAttemptsMade === true,
        attemptsStarted: opts.resetAttemptsStarted === true,
      }),
    );
  }

  async promote(jobId: string): Promise<void> {
    await this.coded('promote', { jobId, state: 'delayed' }, (session, queue) =>
      promote(session, queue, jobId),
    );
  }

  moveStalledJobsToWait(): Promise<string[]> {
    const { maxStalledCount = 1, stalledInterval = 30_000 } = this.options;
    return this.write((session, queue) => recoverStalled(session, queue, maxStalledCount, stalledInterval), {
      access: 'write',
    });
  }

  retryFinishedJobs(
    state: 'completed' | 'failed' = 'failed',
    count = 1000,
    timestamp = Date.now(),
  ): Promise<number> {
    return this.#moveMany(state, count, timestamp);
  }

  promoteJobs(count = 1000): Promise<number> {
    return this.#moveMany('delayed', count, DELAYED_FOREVER);
  }

  /** Returns 1 when `count` jobs were moved and there may be more, else 0. */
  async #moveMany(
    from: 'completed' | 'failed' | 'delayed',
    total: number,
    timestamp: number,
  ): Promise<number> {
    let left = total;
    while (left > 0) {
      const slice = Math.min(left, SLICE);
      const moved = await this.write((session, queue) =>
        moveJobsToWait(session, queue, from, slice, timestamp),
      );
      left -= moved;
      if (moved < slice) return left <= 0 ? 1 : 0;
    }
    return 1;
  }

  async extendLock(jobId: string, token: string, duration: number): Promise<number> {
    const extended = await this.write(
      (session, queue) => extendLock(session, queue, jobId, token, duration),
      RENEW,
    );
    return extended ? 1 : 0;
  }

  extendLocks(jobIds: string[], tokens: string[], duration: number): Promise<string[]> {
    return this.write(
      (session, queue) =>
        jobIds.filter((id, index) => !extendLock(session, queue, id, tokens[index] ?? '', duration)),
      RENEW,
    );
  }

  async changeDelay(jobId: string, delay: number): Promise<void> {
    await this.coded(
      'changeDelay',
      { jobId, state: 'delayed' },
      (session, queue) => changeDelay(session, queue, jobId, delay),
      WRITE,
    );
  }

  async changePriority(jobId: string, priority = 0, lifo = false): Promise<void> {
    await this.coded('changePriority', { jobId }, (session, queue) =>
      changePriority(session, queue, jobId, priority, lifo),
    );
  }
}
