import type { BackendFactory, IQueueBackend } from 'bullmq';
import { classifyFailure } from '../../../redis/index.ts';
import { maskText } from '../../../shared/secrets.ts';
import type { EndingKey, TakenJob, TakenUnit } from '../../sqlite/index.ts';
import type { BackendOptions, Role } from '../backend/core.ts';
import { splitQueue } from '../entries.ts';
import { CallsUnderWay } from './calls-under-way.ts';
import { withQualifiedNames } from './named.ts';
import { scheduleNow } from './placing.ts';
import {
  type BatchReport,
  type Connection,
  type Health,
  isRefusal,
  type Maintenance,
  type Primary,
  type Standing,
  UnitsRefused,
} from './primary.ts';

/** Another of BullMQ's backends: all through the contract alone, so what a job went through elsewhere is not carried over. */
export class OtherPrimaryKind implements Primary {
  readonly target: string;
  readonly identity: string;
  readonly failsOver = false;
  readonly #factory: BackendFactory<IQueueBackend, unknown>;
  readonly #connection: unknown;
  protected readonly prefix: string;

  constructor(
    factory: BackendFactory<IQueueBackend, unknown>,
    connection: unknown,
    name: string,
    prefix: string,
  ) {
    this.target = name;
    this.identity = `other ${name} ${prefix}`;
    this.#factory = factory;
    this.#connection = connection;
    this.prefix = prefix;
  }

  connect(queueName: string, options: BackendOptions, role: Role): Connection {
    const backend = this.#factory(queueName, { ...options, connection: this.#connection } as never, role);
    return {
      backend: withQualifiedNames(backend, queueName, this.prefix),
      letGo: () => void backend.disconnectBlocking(false).catch(() => undefined),
    };
  }

  openMaintenance(deadlineMs: number): Maintenance {
    const { prefix } = this;
    const connect = () => this.#factory('spillway', { connection: this.#connection, prefix } as never, {});
    return new OtherMaintenance(connect, deadlineMs);
  }
}

export class OtherMaintenance implements Maintenance {
  readonly #connect: () => IQueueBackend;
  readonly #deadlineMs: number;
  #backend: IQueueBackend | undefined;
  protected calls = new CallsUnderWay();

  constructor(connect: () => IQueueBackend, deadlineMs: number) {
    this.#connect = connect;
    this.#deadlineMs = deadlineMs;
  }

  /** A write through the same contract the jobs take. */
  async check(): Promise<Health> {
    const backend = this.open();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('Command timed out')), this.#deadlineMs);
    });
    try {
      await Promise.race([backend.setQueueMeta({ spillwayProbe: Date.now() }), late]);
      return { ok: true, facts: {} };
    } catch (error) {
      this.drop();
      const message = maskText(error instanceof Error ? error.message : String(error));
      const failure = classifyFailure(error);
      return { ok: false, failure: failure === 'other' ? 'connection' : failure, message };
    } finally {
      clearTimeout(timer);
    }
  }

  protected open(): IQueueBackend {
    if (this.#backend === undefined) {
      this.#backend = this.#connect();
      this.#backend.on('error', () => undefined);
    }
    return this.#backend;
  }

  async leaveSentinel(): Promise<undefined> {
    return undefined;
  }

  queue(qualifiedName: string): IQueueBackend {
    return this.calls.of(this.siblingOf(this.open(), qualifiedName));
  }

  protected siblingOf(backend: IQueueBackend, qualifiedName: string): IQueueBackend {
    const { prefix, name } = splitQueue(qualifiedName);
    return withQualifiedNames(backend.forQueue(name, prefix), name, prefix);
  }

  /** Not through the contract. */
  async newestEvent(): Promise<undefined> {
    return undefined;
  }

  /** Not through the contract: they hear it again. */
  silently(qualifiedName: string, call: (backend: IQueueBackend) => Promise<void>): Promise<void> {
    return call(this.queue(qualifiedName));
  }

  async addBatch(_batch: string, units: readonly TakenUnit[]): Promise<BatchReport> {
    const duplicates: Standing[] = [];
    const refused = new Map<TakenUnit, string>();
    for (const unit of units) {
      try {
        await this.#addUnit(unit, duplicates);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refused.set(unit, error instanceof Error ? error.message : String(error));
      }
    }
    // Those that were added are added once more with the rest: under their ids that changes nothing.
    if (refused.size > 0) throw new UnitsRefused(refused);
    return { added: units.length - duplicates.length, duplicates };
  }

  async #addUnit({ jobs, scheduler }: TakenUnit, duplicates: Standing[]): Promise<void> {
    const [root] = jobs;
    if (root === undefined) return; // a scheduler that has come to its limit or end
    if (scheduler !== undefined) {
      const { queue, id, next, data, templateOpts } = scheduler;
      const { repeat, jobOpts } = scheduleNow(scheduler, root, Date.now());
      await this.queue(queue).addJobScheduler(id, next, data, templateOpts, repeat, jobOpts);
    } else if (jobs.length > 1) await this.queue(root.queue).addFlow(jobs.map(flowEntry));
    else {
      const id = await this.queue(root.queue).addJob(root.job, root.id);
      if (id !== root.id) duplicates.push({ queue: root.queue, job: root.id });
    }
  }

  async forgetBatch(): Promise<void> {}

  /** Not through the contract: they hold on this machine alone. */
  async openWindows(_keys: readonly EndingKey[]): Promise<boolean> {
    return false;
  }

  /** Not through the contract: the job runs again, and is counted. */
  async reclaim(_queue: string, _jobId: string): Promise<boolean> {
    return false;
  }

  async claimedWith(_queue: string, _tokens: ReadonlySet<string>): Promise<{ id: string; token: string }[]> {
    return [];
  }

  async present(qualifiedName: string, ids: readonly string[]): Promise<boolean[]> {
    const queue = this.queue(qualifiedName);
    return Promise.all(ids.map(async id => (await queue.getState(id)) !== 'unknown'));
  }

  async unfinished(qualifiedName: string, ids: readonly string[]): Promise<boolean[]> {
    const queue = this.queue(qualifiedName);
    const states = await Promise.all(ids.map(id => queue.getState(id)));
    return states.map(state => state !== 'unknown' && state !== 'completed' && state !== 'failed');
  }

  async makeRoom(qualifiedName: string, atMost: number): Promise<number> {
    return (await this.queue(qualifiedName).cleanJobsByState('completed', 0, atMost)).length;
  }

  drop(): void {
    const backend = this.#backend;
    this.#backend = undefined;
    backend?.close(true).catch(() => undefined);
    this.calls.end();
    this.calls = new CallsUnderWay();
  }

  async close(): Promise<void> {
    this.drop();
  }
}

export function flowEntry({
  queue,
  id,
  job,
  state,
}: TakenJob): Parameters<IQueueBackend['addFlow']>[0][number] {
  const { prefix, name } = splitQueue(queue);
  const { parentKey } = job;
  const parentKeyOpts = {
    ...(state === 'waiting-children' ? { addToWaitingChildren: true } : {}),
    ...(parentKey === undefined ? {} : { parentKey, parentDependenciesKey: `${parentKey}:dependencies` }),
  };
  return { jobData: job, jobId: id, parentKeyOpts, prefix, queueName: name };
}
