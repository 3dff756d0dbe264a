import type {
  IQueueBackend,
  KeepJobs,
  MinimalJob,
  MoveToDelayedOpts,
  MoveToWaitingChildrenOpts,
  RetryJobOpts,
  RetryOptions,
} from 'bullmq';
import { ON_STANDBY } from '../claims.ts';
import type { Place } from '../entries.ts';
import { keepReport } from '../keep-report.ts';
import { isFaultsDoing, OTHER_LOCK } from '../refusals.ts';
import { unlessOut } from '../standby-watch.ts';
import type { Failed, Outcome } from './core.ts';
import { ProducingBackend } from './producing.ts';
import {
  type Answer,
  type Finished,
  finishOpts,
  isTelling,
  type Keep,
  type MaybeAnswer,
  type Report,
} from './report.ts';

const STALLED = 'it was at work when its worker died or hung, and is to run again';
/** Where a claim that has got nothing says for how long a rate limit forbids it. */
const RATE_LIMIT_AT = 2;
/** How many events a queue keeps, unless its settings say otherwise. */
const MAX_EVENTS = 10_000;

/** The operations of workers: claim, finish, retry, delay, locks, stalled jobs. */
export abstract class WorkingBackend extends ProducingBackend {
  /**
   * Claims the next job: one of the standby's while it has any (they are what waited longest), else the primary's.
   */
  moveToActive(token: string, name?: string): Promise<Answer> {
    const { controller } = this;
    if (!controller.mayClaim) return this.#claimWithout(token, name);
    if (controller.standbyHasWork(this.qualifiedName)) return this.#claimOnEither(token, name);
    return this.#claimOnPrimary(token, name);
  }

  /** While the primary is away, or does not know yet what an earlier run of the program finished. */
  async #claimWithout(token: string, name: string | undefined): Promise<Answer> {
    const { controller } = this;
    await controller.started;
    return controller.mayClaim ? this.moveToActive(token, name) : this.#claimOnStandby(token, name);
  }

  async #claimOnEither(token: string, name: string | undefined): Promise<Answer> {
    const answer = await this.#claimOnStandby(token, name);
    // A rate limit holds for both homes together: it is waited for, not gone around.
    return answer[0] || answer[RATE_LIMIT_AT] ? answer : this.#claimOnPrimary(token, name);
  }

  #claimOnPrimary(token: string, name: string | undefined): Promise<Answer> {
    return this.orElse<Answer, Answer>(
      primary => primary.moveToActive(token, name),
      answer => this.#claimed(answer, 'primary'),
      failed => {
        this.#lookAfter(failed, token, answer => answer);
        return this.#claimOnStandby(token, name);
      },
    );
  }

  /** A claim nobody waits for any more: what it may have got goes back, now if its answer comes, else on return. */
  #lookAfter<T>({ applied, late }: Failed<T>, token: string, claimOf: (answer: T) => MaybeAnswer): void {
    if (applied === 'no') return;
    this.controller.abandonClaim(this.qualifiedName, token);
    late?.then(
      answer => this.#giveBack(claimOf(answer), token),
      () => undefined,
    );
  }

  /** A standby that is out has no job: an error would keep BullMQ's worker from asking for 15 s, a wait for its disk for longer. */
  async #claimOnStandby(token: string, name: string | undefined): Promise<Answer> {
    if (this.controller.standbyWatch.trouble !== undefined) return [];
    return this.#claimed(await unlessOut(this.standby.moveToActive(token, name), []), 'standby');
  }

  #claimed<A extends MaybeAnswer>(answer: A, place: Place): A {
    const id = Array.isArray(answer) && answer[0] ? answer[1] : undefined;
    if (typeof id === 'string') this.claims.set(id, place === 'standby' ? ON_STANDBY : this.controller.epoch);
    return answer;
  }

  /** A job claimed by a call nobody waits for any more goes back to where it was. */
  #giveBack(answer: MaybeAnswer, token: string): void {
    const id = Array.isArray(answer) && answer[0] ? answer[1] : undefined;
    // It may have been given back, and claimed anew, before this answer came.
    if (typeof id !== 'string' || this.claims.has(id)) return;
    const giveBack = this.orElse(
      primary => primary.moveJobFromActiveToWait(id, token),
      () => undefined,
      () => undefined,
      // The return has given it back already, or its lock has run out.
      () => undefined,
    );
    this.controller.own(giveBack);
  }

  moveToCompleted<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    returnValue: R,
    removeOnComplete: boolean | number | KeepJobs,
    token: string,
    fetchNext: boolean,
  ): Promise<Finished> {
    const keep = removeOnComplete ?? this.options.removeOnComplete;
    return this.#finish(job, token, fetchNext, {
      op: 'completed',
      args: () => [returnValue ?? null, keep, token, finishOpts(job.opts), null, this.#metrics],
      to: (backend, next) => backend.moveToCompleted(job, returnValue, removeOnComplete, token, next),
    });
  }

  moveToFailed<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    failedReason: string,
    removeOnFail: boolean | number | KeepJobs,
    token: string,
    fetchNext: boolean,
    fieldsToUpdate?: Record<string, unknown>,
  ): Promise<Finished> {
    const keep = removeOnFail ?? this.options.removeOnFail;
    return this.#finish(job, token, fetchNext, {
      op: 'failed',
      args: () => [
        failedReason,
        keep as Keep,
        token,
        finishOpts(job.opts),
        fieldsToUpdate ?? null,
        this.#metrics,
      ],
      to: (backend, next) =>
        backend.moveToFailed(job, failedReason, removeOnFail, token, next, fieldsToUpdate),
    });
  }

  /** How many points of metrics its workers keep. */
  get #metrics(): number {
    return this.options.metrics?.maxDataPoints ?? 0;
  }

  /** Reports a job where it lives; when that is the primary and it is away, keeps the report until it is back. */
  #finish<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    token: string,
    fetchNext: boolean,
    report: Report,
  ): Promise<Finished> {
    const id = String(job.id);
    const place = this.placeOfClaim(id);
    if (place === 'primary') return this.#finishOnPrimary(id, token, fetchNext, report);
    if (place === 'standby') return this.#finishOnStandby(id, token, fetchNext, report);
    return this.placeOf(id).then(found =>
      found === 'standby'
        ? this.#finishOnStandby(id, token, fetchNext, report)
        : this.#finishOnPrimary(id, token, fetchNext, report),
    );
  }

  #finishOnPrimary(id: string, token: string, fetchNext: boolean, report: Report): Promise<Finished> {
    const { controller } = this;
    const takeNext = fetchNext && !controller.standbyHasWork(this.qualifiedName);
    const keep = async (failed: Failed<Finished>): Promise<Finished> => {
      const finishedOn = Date.now();
      if (takeNext) this.#lookAfter(failed, token, ({ result }) => result);
      const { op } = report;
      await this.#keep(id, op, [...report.args(), failed.refused === true]);
      const next = fetchNext ? await this.#claimOnStandby(token, this.options.name) : [];
      return { result: isTelling(next) ? next : [], finishedOn };
    };
    return this.orElse<Finished, Finished>(
      primary => report.to(primary, takeNext),
      finished => {
        this.claims.delete(id);
        controller.journal?.finished(this.qualifiedName, id);
        if (fetchNext && !takeNext) return this.#andNext(finished, token);
        this.#claimed(finished.result, 'primary');
        return finished;
      },
      keep,
      refusal => this.#explained(id, refusal).then(keep),
    );
  }

  async #andNext({ result, finishedOn }: Finished, token: string): Promise<Finished> {
    return { result: await this.#next(token, result), finishedOn };
  }

  async #finishOnStandby(id: string, token: string, fetchNext: boolean, report: Report): Promise<Finished> {
    const { usesPrimary } = this;
    this.standby.isWhole = !usesPrimary;
    const finished = await this.#unlessRefused(id, report.to(this.standby, fetchNext && !usesPrimary));
    this.claims.delete(id);
    this.controller.finishedOnStandby(this.qualifiedName, id, report.op, report.args()[0]);
    if (!usesPrimary) return { ...finished, result: this.#claimed(finished.result, 'standby') };
    const result = fetchNext ? await this.#next(token, finished.result) : finished.result;
    // As Redis does, not when it says what to wait for.
    if (!isTelling(result)) await this.#tellDrained();
    return { ...finished, result };
  }

  /** As Redis tells it: nothing waits or is in work any more, in neither home. */
  async #tellDrained(): Promise<void> {
    const look = (backend: IQueueBackend) => backend.getCounts(['wait', 'active', 'prioritized']);
    if ((await unlessOut(look(this.standby), [])).some(jobs => jobs > 0)) return;
    const outcome = await this.tryPrimary(look);
    if (outcome.ok && outcome.value.every(jobs => jobs === 0)) {
      await this.standby.publishEvent({ event: 'drained' }, MAX_EVENTS);
    }
  }

  /** The next job, asked for apart from the report. */
  async #next(token: string, otherwise: MaybeAnswer): Promise<MaybeAnswer> {
    const answer = await this.moveToActive(token, this.options.name);
    return isTelling(answer) ? answer : otherwise;
  }

  /**
   * Jobs that ran across a fault may have lost their lock, or be gone from a primary that came back empty. They ran: such
   * a refusal is kept as a report instead of failing them.
   */
  async #reported<T>(id: string, report: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    try {
      return await report();
    } catch (error) {
      return this.#explained(id, error);
    }
  }

  /** @throws the refusal, when no fault explains it. */
  async #explained(id: string, refusal: unknown): Promise<Failed<never>> {
    if (await isFaultsDoing(this.controller, this.qualifiedName, id, refusal)) {
      return { ok: false, applied: 'no', failure: 'other', refused: true };
    }
    return this.#unlessRefused(id, Promise.reject(refusal));
  }

  /** A report that is refused ends the claim, unless another's lock shows that the claim is another's. */
  async #unlessRefused<T>(id: string, report: Promise<T>): Promise<T> {
    try {
      return await report;
    } catch (error) {
      if ((error as { code?: unknown }).code !== OTHER_LOCK) this.claims.delete(id);
      throw error;
    }
  }

  async moveToDelayed(
    jobId: string,
    timestamp: number,
    delay: number,
    token = '0',
    opts: MoveToDelayedOpts = {},
  ): Promise<MaybeAnswer> {
    const { skipAttempt, fieldsToUpdate } = opts;
    const args = [timestamp, delay, token, { skipAttempt, fieldsToUpdate }];
    const moved = await this.#putBack(jobId, 'delayed', args, (backend, plain) =>
      backend.moveToDelayed(jobId, timestamp, delay, token, plain ? { ...opts, fetchNext: false } : opts),
    );
    if (moved.inFull || opts.fetchNext !== true) return this.#claimed(moved.value ?? [], moved.place);
    return this.#next(token, []);
  }

  async retryJob(jobId: string, lifo: boolean, token = '0', opts: RetryJobOpts = {}): Promise<void> {
    await this.#putBack(jobId, 'retry', [lifo, token, opts], backend =>
      backend.retryJob(jobId, lifo, token, opts),
    );
  }

  async moveJobFromActiveToWait(jobId: string, token = '0'): Promise<number> {
    const moved = await this.#putBack(jobId, 'waiting', [token], backend =>
      backend.moveJobFromActiveToWait(jobId, token),
    );
    return moved.value ?? 0;
  }

  async moveToWaitingChildren(
    jobId: string,
    token: string,
    opts: MoveToWaitingChildrenOpts = {},
  ): Promise<boolean> {
    // A primary that does not know all of its children yet would say that there is none to wait for.
    const isEarly = unlessOut(this.controller.ledger.keepsChildOf(this.toKey(jobId)), false);
    if ((await isEarly) && this.placeOfClaim(jobId) !== 'standby') {
      await this.#keep(jobId, 'waitingChildren', [token, opts]);
      return true;
    }
    const moved = await this.#putBack(jobId, 'waitingChildren', [token, opts], backend =>
      backend.moveToWaitingChildren(jobId, token, opts),
    );
    return moved.value ?? true;
  }

  /** Ends a claim without finishing the job. */
  async #putBack<T>(
    jobId: string,
    op: string,
    args: readonly unknown[],
    call: (backend: IQueueBackend, plain: boolean) => Promise<T>,
  ): Promise<{ value: T | undefined; place: Place; inFull: boolean }> {
    if ((await this.placeOf(jobId)) === 'standby') {
      // When the primary is in use, the next job is asked for there, apart.
      const plain = this.usesPrimary;
      const value = await this.#unlessRefused(jobId, call(this.standby, plain));
      if (value !== false) this.claims.delete(jobId);
      this.controller.noteWork(this.qualifiedName);
      return { value, place: 'standby', inFull: !plain };
    }
    const plain = this.controller.standbyHasWork(this.qualifiedName);
    const outcome = await this.#reported(jobId, () => this.tryPrimary(primary => call(primary, plain)));
    if (outcome.ok) {
      if (outcome.value !== false) this.claims.delete(jobId);
      return { value: outcome.value, place: 'primary', inFull: !plain };
    }
    await this.#keep(jobId, op, args);
    return { value: undefined, place: 'primary', inFull: false };
  }

  /** The end of a claim is for the primary to know when it is back. */
  async #keep(jobId: string, op: string, args: readonly unknown[]): Promise<void> {
    await keepReport(this.controller, { queue: this.qualifiedName, job: jobId, op, args });
    this.claims.delete(jobId);
  }

  async extendLock(jobId: string, token: string, duration: number): Promise<number> {
    const place = await this.placeOf(jobId);
    if (place === 'standby') return this.standby.extendLock(jobId, token, duration);
    const outcome = await this.tryPrimary(primary => primary.extendLock(jobId, token, duration));
    if (outcome.ok) return outcome.value;
    // Nobody else can take it from a primary that is away; when it is back, the lock is renewed or the report tells.
    return this.claims.has(jobId) ? 1 : 0;
  }

  async extendLocks(jobIds: string[], tokens: string[], duration: number): Promise<string[]> {
    const here: [string[], string[]] = [[], []];
    const there: [string[], string[]] = [[], []];
    const otherwise = this.usesPrimary ? 'primary' : 'standby';
    jobIds.forEach((id, index) => {
      const [ids, theirs] = (this.placeOfClaim(id) ?? otherwise) === 'standby' ? here : there;
      ids.push(id);
      theirs.push(tokens[index] ?? '');
    });
    const lost: string[] = [];
    if (here[0].length > 0) lost.push(...(await this.standby.extendLocks(...here, duration)));
    if (there[0].length > 0) {
      const outcome = await this.tryPrimary(primary => primary.extendLocks(...there, duration));
      // A lock that ran out while the primary was away: the job runs on, its report is kept if it is refused.
      if (outcome.ok)
        lost.push(...outcome.value.filter(id => !this.controller.hasLivedThroughOutage(this.claims.get(id))));
    }
    return lost.length > 1 ? jobIds.filter(id => lost.includes(id)) : lost;
  }

  /** Each home looks after its own; the primary's must wait until kept reports are delivered. */
  async moveStalledJobsToWait(): Promise<string[]> {
    const { controller } = this;
    const stalled = this.standbyHolds ? await unlessOut(this.standby.moveStalledJobsToWait(), []) : [];
    if (controller.mayClaim) {
      const outcome = await this.tryPrimary(primary => primary.moveStalledJobsToWait());
      if (outcome.ok) stalled.push(...outcome.value);
    }
    for (const id of stalled) controller.countDuplicate(this.qualifiedName, id, STALLED);
    return stalled;
  }

  async retryFinishedJob<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    state: 'failed' | 'completed',
    opts?: RetryOptions,
  ): Promise<void> {
    const id = String(job.id);
    const retry = (backend: IQueueBackend) => backend.retryFinishedJob(job, state, opts);
    if ((await this.onStandby(id, retry)) === undefined) return this.onlyPrimary(`Job ${id}`, retry);
    this.controller.noteWork(this.qualifiedName);
  }

  async promote(jobId: string): Promise<void> {
    await this.onJob(jobId, backend => backend.promote(jobId));
  }

  async changeDelay(jobId: string, delay: number): Promise<void> {
    await this.onJob(jobId, backend => backend.changeDelay(jobId, delay));
  }

  async changePriority(jobId: string, priority?: number, lifo?: boolean): Promise<void> {
    await this.onJob(jobId, backend => backend.changePriority(jobId, priority, lifo));
  }
}
