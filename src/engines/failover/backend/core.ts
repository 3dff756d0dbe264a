import { EventEmitter } from 'node:events';
import type { IQueueBackend, KeysMap, QueueBaseOptions } from 'bullmq';
import {
  classifyFailure,
  type FailureClass,
  isAvailabilityFailure,
  wasNotApplied,
} from '../../../redis/index.ts';
import { SpillwayError } from '../../../shared/errors.ts';
import type { SqliteQueueBackend } from '../../sqlite/index.ts';
import { ON_STANDBY } from '../claims.ts';
import type { Controller } from '../controller.ts';
import { Wait } from '../deadline.ts';
import type { Place } from '../entries.ts';
import type { FailoverConnectionOptions } from '../options.ts';
import type { PrimaryLink } from './primary-link.ts';

/** The options BullMQ's classes hand to a backend: those of QueueOptions and WorkerOptions together. */
export interface BackendOptions extends QueueBaseOptions<FailoverConnectionOptions> {
  prefix?: string;
  name?: string;
  removeOnComplete?: import('bullmq').KeepJobs;
  removeOnFail?: import('bullmq').KeepJobs;
  metrics?: import('bullmq').MetricsOptions;
  lastEventId?: string;
}

/** What a backend is for, as BullMQ's factories are told. */
export interface Role {
  blocking?: boolean;
  withBlockingConnection?: boolean;
}

/** How a call to the primary failed. `unknown`: it may have been carried out, or still be. */
export interface Failed<T> {
  ok: false;
  applied: 'no' | 'unknown';
  failure: FailureClass | 'away';
  error?: Error;
  /** The primary has said no, for a reason that a fault explains. */
  refused?: boolean;
  /** The answer, if it comes after all. */
  late?: Promise<T>;
}

export type Outcome<T> = { ok: true; value: T } | Failed<T>;

/** What is left for a call after a slow connection, at least, in ms. */
const LEAST_MS = 50;

/** How often it is looked whether a job on its way has arrived, in ms. */
const MOVING_MS = 10;

const AWAY: Failed<never> = { ok: false, applied: 'no', failure: 'away' };

/** A share in the process's controller, the standby's backend and the link to the primary. */
export interface Parts {
  controller: Controller;
  standby: SqliteQueueBackend;
  link: PrimaryLink;
  /** Siblings made by `forQueue` share all of it but close nothing. */
  owner: boolean;
}

/**
 * What the layers of the failover backend share: the two homes, and calling the primary within a deadline.
 *
 * The backend is one class in several files, each a layer that adds one family of the contract's operations:
 * core -> producing -> working -> managing -> reading -> FailoverQueueBackend.
 */
export abstract class FailoverCore extends EventEmitter {
  readonly qualifiedName: string;
  readonly queueName: string;
  readonly controller: Controller;
  protected readonly prefix: string;
  protected readonly options: BackendOptions;
  protected readonly standby: SqliteQueueBackend;
  protected readonly parts: Parts;
  /** Jobs of the queue that this process has claimed and not reported yet. */
  protected readonly claims: Map<string, number>;

  constructor(parts: Parts, queueName: string, options: BackendOptions) {
    super();
    this.parts = parts;
    this.controller = parts.controller;
    this.standby = parts.standby;
    this.queueName = queueName;
    this.options = options;
    this.prefix = options.prefix ?? 'bull';
    this.qualifiedName = `${this.prefix}:${queueName}`;
    this.claims = this.controller.claims.of(this.qualifiedName);
  }

  get keys(): KeysMap {
    return this.standby.keys;
  }

  toKey(type: string): string {
    return this.standby.toKey(type);
  }

  parseNodeKey(key: string): { prefix: string; queueName: string; id: string } {
    return this.standby.parseNodeKey(key);
  }

  clientName(suffix = ''): string {
    return this.standby.clientName(suffix);
  }

  /** Whether calls go to the primary now. */
  protected get usesPrimary(): boolean {
    return this.controller.usesPrimary;
  }

  /** Whether the standby may hold jobs of this queue: if not, nobody needs to ask it. */
  protected get standbyHolds(): boolean {
    return this.controller.standbyHolds(this.qualifiedName);
  }

  /**
   * Calls the primary and waits for it no longer than the deadline. Errors of the operation itself (no such job, a lost
   * lock) are thrown; what says that the primary is in trouble becomes an outcome, and is told to the controller.
   */
  protected tryPrimary<T>(call: (primary: IQueueBackend) => Promise<T>): Promise<Outcome<T>> {
    return this.orElse<T, Outcome<T>>(
      call,
      value => ({ ok: true, value }),
      failed => failed,
    );
  }

  /** The same with what to make of each end, without a detour: for what every job goes through. */
  protected orElse<T, R>(
    call: (primary: IQueueBackend) => Promise<T>,
    then: (value: T) => R | Promise<R>,
    otherwise: (failed: Failed<T>) => R | Promise<R>,
    refused: (refusal: Error) => R | Promise<R> = rethrow,
  ): Promise<R> {
    if (!this.controller.usesPrimary) return Promise.resolve(otherwise(AWAY));
    const primary = this.parts.link.ready;
    const { primaryMs } = this.controller;
    if (primary !== undefined) return this.#send(primary, primaryMs, call, { then, otherwise, refused });
    // Connecting counts: the caller waits no longer than for one call.
    const { clock } = this.controller;
    const started = clock.monotonic();
    const { epoch } = this.controller;
    return this.parts.link.open().then(
      opened => {
        const left = Math.max(LEAST_MS, primaryMs - (clock.monotonic() - started));
        return this.#send(opened, left, call, { then, otherwise, refused });
      },
      error => {
        const outcome = failed(this.controller, this.parts.link, error, epoch, false);
        return outcome instanceof Error ? refused(outcome) : otherwise(outcome);
      },
    );
  }

  #send<T, R>(
    primary: IQueueBackend,
    ms: number,
    call: (primary: IQueueBackend) => Promise<T>,
    ends: Ends<T, R>,
  ): Promise<R> {
    const { controller } = this;
    const { owner, link } = this.parts;
    const work = call(owner ? primary : link.sibling(primary, this.queueName, this.prefix));
    return controller.deadlines.settle(work, ms, new Sent(controller, link, work, ms, ends));
  }

  /** For what only the primary can answer. @throws SpillwayError SPILLWAY_PRIMARY_AWAY while it is away. */
  protected async onlyPrimary<T>(what: string, call: (primary: IQueueBackend) => Promise<T>): Promise<T> {
    const outcome = await this.tryPrimary(call);
    if (outcome.ok) return outcome.value;
    throw this.away(what, outcome.error);
  }

  protected away(what: string, cause?: Error): SpillwayError {
    const { target, retryAfterMs } = this.controller;
    const retryAfter = Math.ceil(retryAfterMs / 1000);
    return new SpillwayError(
      'SPILLWAY_PRIMARY_AWAY',
      `${what} is not on the standby, and ${target}, which may have it, can't be reached now. Try again in ${retryAfter} s.`,
      {
        ...(cause === undefined ? {} : { cause }),
        details: { queue: this.qualifiedName, retryAfterMs, retryAfter },
      },
    );
  }

  /** Where a job lives that this process has claimed. */
  protected placeOfClaim(jobId: string): Place | undefined {
    const claimed = this.claims.get(jobId);
    return claimed === undefined ? undefined : claimed === ON_STANDBY ? 'standby' : 'primary';
  }

  /** Where a job lives, as far as can be told without asking the primary. */
  protected async placeOf(jobId: string): Promise<Place> {
    const claimed = this.placeOfClaim(jobId);
    if (claimed !== undefined) return claimed;
    while (this.standbyHolds) {
      const [state, isMoving] = await Promise.all([
        this.standby.getState(jobId),
        this.controller.ledger.movingJob(this.qualifiedName, jobId),
      ]);
      if (state !== 'unknown') return 'standby';
      if (!isMoving) break;
      await this.controller.pause(MOVING_MS);
    }
    return 'primary';
  }

  /** Runs an operation on a job where the job lives. */
  protected async onJob<T>(jobId: string, call: (backend: IQueueBackend) => Promise<T>): Promise<T> {
    const here = await this.onStandby(jobId, call);
    if (here !== undefined) return here.value;
    return this.onlyPrimary(`Job ${jobId}`, call);
  }

  /** The same, but kept for later when the job lives on the primary and that is away. Answers undefined when kept. */
  protected async onJobOrLater<T>(
    jobId: string,
    op: string,
    args: readonly unknown[],
    call: (backend: IQueueBackend) => Promise<T>,
  ): Promise<T | undefined> {
    const here = await this.onStandby(jobId, call);
    if (here !== undefined) return here.value;
    const outcome = await this.tryPrimary(call);
    if (outcome.ok) return outcome.value;
    await this.controller.defer({ queue: this.qualifiedName, job: jobId, op, args });
    return undefined;
  }

  /** Answers undefined when the job is not on the standby, and was not when the operation came there. */
  protected async onStandby<T>(
    jobId: string,
    call: (backend: IQueueBackend) => Promise<T>,
  ): Promise<{ value: T } | undefined> {
    while ((await this.placeOf(jobId)) === 'standby') {
      // In one turn, hence in one transaction: the drain takes no job out in between.
      const [state, done] = await Promise.allSettled([this.standby.getState(jobId), call(this.standby)]);
      if (state.status === 'rejected') throw state.reason;
      if (state.value === 'unknown') this.claims.delete(jobId);
      else if (done.status === 'rejected') throw done.reason;
      else return { value: done.value };
    }
    return undefined;
  }
}

function rethrow(error: Error): never {
  throw error;
}

/** What to make of each end of a call. */
interface Ends<T, R> {
  then: (value: T) => R | Promise<R>;
  otherwise: (failed: Failed<T>) => R | Promise<R>;
  /** The primary said no: that is about the operation. */
  refused: (refusal: Error) => R | Promise<R>;
}

/** A call on its way to the primary. */
class Sent<T, R> extends Wait<T, R> {
  readonly #epoch: number;
  readonly #controller: Controller;
  readonly #link: PrimaryLink;
  readonly #work: Promise<T>;
  readonly #ms: number;
  readonly #ends: Ends<T, R>;

  constructor(controller: Controller, link: PrimaryLink, work: Promise<T>, ms: number, ends: Ends<T, R>) {
    super();
    this.#controller = controller;
    this.#epoch = controller.epoch;
    this.#link = link;
    this.#work = work;
    this.#ms = ms;
    this.#ends = ends;
  }

  value(value: T): R | Promise<R> {
    return this.#ends.then(value);
  }

  error(error: unknown): R | Promise<R> {
    const outcome = failed(this.#controller, this.#link, error, this.#epoch, true);
    return outcome instanceof Error ? this.#ends.refused(outcome) : this.#ends.otherwise(outcome);
  }

  late(): R | Promise<R> {
    this.#controller.callFailed('timeout', `no answer within ${Math.round(this.#ms)} ms`, this.#epoch);
    return this.#ends.otherwise({ ok: false, applied: 'unknown', failure: 'timeout', late: this.#work });
  }
}

/** Answers the error itself when it is about the operation and not about the primary. */
function failed(
  controller: Controller,
  link: PrimaryLink,
  thrown: unknown,
  epoch: number,
  sent: boolean,
): Failed<never> | Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const failure = classifyFailure(error);
  if (!isAvailabilityFailure(failure)) return error;
  // What is cut because this side is closed says nothing of the primary.
  if (!link.isClosed) controller.callFailed(failure, error.message, epoch);
  return { ok: false, applied: !sent || wasNotApplied(error) ? 'no' : 'unknown', failure, error };
}
