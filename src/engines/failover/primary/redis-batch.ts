import type { JobJson, ParentKeyOpts, RedisQueueBackend } from 'bullmq';
import type { TakenJob, TakenScheduler, TakenUnit } from '../../sqlite/index.ts';
import { optionsNow } from './placing.ts';
import { HISTORY, SCHEDULER, SUPERSEDE } from './redis-scripts.ts';

type Transaction = ReturnType<Awaited<RedisQueueBackend['client']>['multi']>;

/** BullMQ's short names of options in a stored job (its optsEncodeMap). */
const SHORT: Readonly<Record<string, string>> = {
  deduplication: 'de',
  failParentOnFailure: 'fpof',
  continueParentOnFailure: 'cpof',
  ignoreDependencyOnFailure: 'idof',
  removeDependencyOnFailure: 'rdof',
  keepLogs: 'kl',
};

/** Where a job's own reply stands among those of the transaction. */
export interface Queued {
  queue: string;
  job: string;
  at: number;
}

const NONE: ReadonlySet<TakenJob> = new Set();

/** Counts the commands of a transaction while they are queued. */
export class Batch {
  readonly #transaction: Transaction;
  readonly #backendOf: (queue: string) => RedisQueueBackend;
  readonly #now: number;
  readonly queued: Queued[] = [];
  /** Where the commands of each unit end. */
  readonly #ends = new Map<TakenUnit, number>();
  #commands = 0;

  constructor(transaction: Transaction, backendOf: (queue: string) => RedisQueueBackend, now: number) {
    this.#transaction = transaction;
    this.#backendOf = backendOf;
    this.#now = now;
  }

  /**
   * Queues the commands that make a unit anew, as it stood, its jobs with all they have been through.
   * @param known jobs that are there already: only their place in the flow is added.
   */
  add(unit: TakenUnit, known: ReadonlySet<TakenJob>): void {
    if (unit.scheduler !== undefined) this.#addScheduler(unit.scheduler);
    this.#addJobs(unit, known);
  }

  /** A scheduler whose runs have gone on elsewhere: what it had planned for `next` here is over. */
  supersede(unit: TakenUnit, next: number): void {
    if (unit.scheduler !== undefined) this.#supersedeScheduler(unit.scheduler, next);
    this.#addJobs(unit, NONE);
  }

  #addJobs(unit: TakenUnit, known: ReadonlySet<TakenJob>): void {
    const { jobs } = unit;
    const parents = new Map<string, TakenJob>();
    for (const taken of jobs) {
      this.#addJob(taken, !known.has(taken));
      if (taken.job.parentKey !== undefined && jobs.length > 1) parents.set(taken.job.parentKey, taken);
    }
    for (const [parentKey, { queue, job }] of parents) {
      const { id = '', queueKey = '' } = job.parent ?? {};
      const args = [parentKey, `${parentKey}:dependencies`, queueKey, id, this.#now];
      this.#run(queue, 'releaseParentIfNoPendingDependencies', args);
    }
    this.#ends.set(unit, this.#commands);
  }

  /** What marks the whole of it as done, and leaves out what these keys have come to hold. */
  end(mark: string, without: readonly string[]): void {
    this.#transaction.hset(mark, { jobs: this.queued.length });
    if (without.length > 0) this.#transaction.del(...without);
  }

  /** The units one of whose commands has failed, each with why: the others of a transaction are carried out all the same. */
  refused(replies: readonly [Error | null, unknown][]): Map<TakenUnit, string> {
    const refused = new Map<TakenUnit, string>();
    let from = 0;
    for (const [unit, end] of this.#ends) {
      const failed = replies.slice(from, end).find(([error]) => error !== null)?.[0];
      if (failed) refused.set(unit, failed.message);
      from = end;
    }
    return refused;
  }

  exec(): Promise<[Error | null, unknown][] | null> {
    return this.#transaction.exec();
  }

  #addJob(taken: TakenJob, isNew: boolean): void {
    const { queue, id, job } = taken;
    const opts = optionsNow(taken, this.#now);
    const { parentKey } = job;
    const link: ParentKeyOpts = {
      ...(taken.state === 'waiting-children' ? { addToWaitingChildren: true } : {}),
      ...(parentKey === undefined
        ? {}
        : { parentKey, parentDependenciesKey: `${parentKey}:dependencies`, deferParentRelease: true }),
    };
    this.queued.push({ queue, job: id, at: this.#commands });
    const backend = this.#backendOf(queue);
    // Queued at once; what it answers comes with the transaction.
    void backend.addJobToTransaction(this.#transaction, { ...job, opts } as JobJson, id, link);
    this.#commands += 1;
    if (!isNew) return;
    this.#transaction.runCommand(HISTORY.name, [
      `${queue}:${id}`,
      ...Object.entries(historyOf(taken)).flat(),
    ]);
    this.#commands += 1;
    for (const line of taken.logs)
      this.#run(queue, 'addLog', [`${queue}:${id}`, `${queue}:${id}:logs`, id, line, '']);
  }

  #addScheduler({ queue, id, next, fields }: TakenScheduler): void {
    const keys = [`${queue}:repeat`, `${queue}:repeat:${id}`];
    this.#transaction.runCommand(SCHEDULER.name, [...keys, id, next, ...Object.entries(fields).flat()]);
    this.#commands += 1;
  }

  #supersedeScheduler({ queue, id, next, fields }: TakenScheduler, planned: number): void {
    const job = `repeat:${id}:${planned}`;
    const keys = ['repeat', `repeat:${id}`, 'delayed', 'wait', 'paused', 'prioritized', job];
    this.#transaction.runCommand(SUPERSEDE.name, [
      ...keys.map(key => `${queue}:${key}`),
      ...[id, job, next, ...Object.entries(fields).flat()],
    ]);
    this.#commands += 1;
  }

  #run(queue: string, command: string, args: unknown[]): void {
    this.#backendOf(queue).execCommand(this.#transaction as never, command, args as never);
    this.#commands += 1;
  }
}

/** The fields of the job's hash that adding doesn't set, or sets to what put it in its place. */
function historyOf({ job }: TakenJob): Record<string, string | number> {
  const opts: Record<string, unknown> = {};
  const { telemetry, ...others } = job.opts;
  for (const [name, value] of Object.entries(others)) opts[SHORT[name] ?? name] = value;
  if (telemetry?.metadata !== undefined) opts.tm = telemetry.metadata;
  if (telemetry?.omitContext !== undefined) opts.omc = telemetry.omitContext;
  const fields: Record<string, string | number> = {
    opts: JSON.stringify(opts),
    delay: job.delay ?? 0,
    priority: job.priority ?? 0,
  };
  if (job.deduplicationId !== undefined) fields.deid = job.deduplicationId;
  if (job.attemptsMade > 0) fields.atm = job.attemptsMade;
  if ((job.attemptsStarted ?? 0) > 0) fields.ats = job.attemptsStarted ?? 0;
  if ((job.stalledCounter ?? 0) > 0) fields.stc = job.stalledCounter ?? 0;
  if (job.processedOn !== undefined) fields.processedOn = job.processedOn;
  if (job.failedReason) fields.failedReason = job.failedReason;
  const trace = job.stacktrace as unknown;
  if (trace) fields.stacktrace = typeof trace === 'string' ? trace : JSON.stringify(trace);
  if (job.progress !== 0 && job.progress !== undefined) fields.progress = JSON.stringify(job.progress);
  if (job.deferredFailure) fields.defa = job.deferredFailure;
  return fields;
}
