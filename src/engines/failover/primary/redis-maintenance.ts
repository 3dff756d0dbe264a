import type { IQueueBackend, RedisQueueBackend } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  classifyFailure,
  DeadlineError,
  type FailureClass,
  forgetAbortedScripts,
  type ProbeResult,
  type RedisClient,
  RedisProbe,
  type RedisTarget,
  within,
} from '../../../redis/index.ts';
import type { Clock } from '../../../shared/clock.ts';
import type { EndingKey, TakenJob, TakenScheduler, TakenUnit } from '../../sqlite/index.ts';
import { splitQueue } from '../entries.ts';
import { inOrderOfAdding, scheduleNow } from './placing.ts';
import {
  type BatchReport,
  type Facts,
  type Health,
  isRefusal,
  type Maintenance,
  type Standing,
} from './primary.ts';
import { Batch } from './redis-batch.ts';
import { RefusedUnits } from './redis-refused.ts';
import { HISTORY, JOB_SUFFIXES, RECLAIM, SCHEDULER, SUPERSEDE } from './redis-scripts.ts';

interface Parts {
  redis: RedisTarget;
  prefix: string;
  deadlineMs: number;
  clock: Clock;
  /** Names this process among all. */
  id: string;
  openClient: () => RedisClient;
  connectBackend: (client: RedisClient, metrics: number) => RedisQueueBackend;
}

/** How long it is remembered that a batch was added, in ms. */
const BATCH_KEY_MS = 3_600_000;

/** `appendfsync everysec` may lag a second behind its second, in ms. */
const FSYNCED_AFTER_MS = 3_000;

/** Failures that are answers: the connection is as good as before. */
const ANSWERS: ReadonlySet<FailureClass> = new Set<FailureClass>([
  'oom',
  'misconf',
  'readonly',
  'noreplicas',
  'busy',
  'loading',
]);

/** The controller's connections to Redis: a probe of its own, and one for everything that is given back. */
export class RedisMaintenance implements Maintenance {
  readonly #parts: Parts;
  readonly #probe: RedisProbe;
  #client: RedisClient | undefined;
  /** By how many points of metrics they keep. */
  readonly #backends = new Map<number, RedisQueueBackend>();
  readonly #queues = new Map<string, RedisQueueBackend>();
  /** The same, whose events go where nobody hears them. */
  readonly #silent = new Map<string, RedisQueueBackend>();

  constructor(parts: Parts) {
    this.#parts = parts;
    const { redis, prefix, deadlineMs, clock, id } = parts;
    this.#probe = new RedisProbe({ target: redis, prefix, id, deadlineMs, clock });
  }

  async check(): Promise<Health> {
    const result = await this.#probe.check();
    if (!result.ok) {
      // Whatever hangs there is not to be waited for when it is back. A server that says no hangs nothing.
      if (!ANSWERS.has(result.class)) this.drop();
      return { ok: false, failure: result.class, message: result.message, remedy: result.remedy };
    }
    const trouble = await this.#connect();
    if (trouble !== undefined) {
      this.drop();
      return { ok: false, failure: classifyFailure(trouble), message: trouble.message };
    }
    return { ok: true, facts: this.#facts(result) };
  }

  #facts({ runId, sentinel, appendOnly, savedUntil }: ProbeResult & { ok: true }): Facts {
    // An append-only file is fsynced every second at the latest.
    const persistedUntil = appendOnly ? this.#parts.clock.now() - FSYNCED_AFTER_MS : savedUntil;
    return {
      sentinel,
      ...(runId === null ? {} : { runId }),
      ...(persistedUntil === null ? {} : { persistedUntil }),
    };
  }

  /** The connection for what is given back, made anew after each outage; answers what went wrong. */
  async #connect(): Promise<Error | undefined> {
    if (this.#client?.status === 'ready') return undefined;
    if (this.#client !== undefined) this.drop();
    const client = this.#parts.openClient();
    for (const { name, keys, lua } of [HISTORY, SCHEDULER, SUPERSEDE]) {
      client.defineCommand(name, { numberOfKeys: keys, lua });
    }
    forgetAbortedScripts(client);
    let told: Error | undefined;
    client.on('error', (error: Error) => {
      told ??= error;
    });
    this.#client = client;
    const { deadlineMs } = this.#parts;
    try {
      // Its own deadline ends with the connection; what it asks next a server that has just hung never answers.
      await within(deadlineMs, client.connect(), () => new DeadlineError('no connection in time', 'read'));
      return undefined;
    } catch (error) {
      return told ?? (error as Error);
    }
  }

  async leaveSentinel(value: string): Promise<string | undefined> {
    return this.#probe.ensureSentinel(value);
  }

  get #redis(): Redis {
    if (this.#client === undefined) throw new Error('Connection is closed.');
    // What is used of it a cluster's client has too; all keys of a queue are on one node.
    return this.#client as Redis;
  }

  queue(qualifiedName: string, metrics = 0): RedisQueueBackend {
    const key = `${metrics} ${qualifiedName}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = this.#openQueue(qualifiedName, metrics);
      this.#queues.set(key, queue);
    }
    return queue;
  }

  #silentQueue(qualifiedName: string): RedisQueueBackend {
    let queue = this.#silent.get(qualifiedName);
    if (queue === undefined) {
      queue = this.#openQueue(qualifiedName, 0);
      queue.keys.events = unheard(qualifiedName);
      this.#silent.set(qualifiedName, queue);
    }
    return queue;
  }

  #openQueue(qualifiedName: string, metrics: number): RedisQueueBackend {
    let backend = this.#backends.get(metrics);
    if (backend === undefined) {
      backend = this.#parts.connectBackend(this.#redis, metrics);
      backend.on('error', () => undefined);
      this.#backends.set(metrics, backend);
    }
    const { prefix, name } = splitQueue(qualifiedName);
    return backend.forQueue(name, prefix) as RedisQueueBackend;
  }

  async newestEvent(qualifiedName: string): Promise<string> {
    const [newest] = await this.#redis.xrevrange(`${qualifiedName}:events`, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async silently(qualifiedName: string, call: (backend: IQueueBackend) => Promise<void>): Promise<void> {
    await call(this.#silentQueue(qualifiedName));
    await this.#redis.unlink(unheard(qualifiedName));
  }

  async addBatch(batch: string, units: readonly TakenUnit[]): Promise<BatchReport> {
    const redis = this.#redis;
    const mark = this.#batchKey(batch);
    const refusals = new RefusedUnits(redis, queue => this.#silentQueue(queue));
    if ((await redis.exists(mark)) === 1) {
      await refusals.lookFor(mark, units);
      return { added: 0, duplicates: [] };
    }
    const duplicates: Standing[] = [];
    const client = await this.queue(`${this.#parts.prefix}:spillway`).client;
    const transaction = new Batch(client.multi(), queue => this.#silentQueue(queue), this.#parts.clock.now());
    const known = await this.#known(units);
    for (const unit of inOrderOfAdding(missing(units, known, duplicates))) {
      const { scheduler } = unit;
      const next = scheduler === undefined ? null : await this.#nextRun(scheduler);
      if (scheduler === undefined || next === null) transaction.add(unit, known);
      else if (hasGoneOn(unit, next, this.#parts.clock.now())) transaction.supersede(unit, next);
      // It was changed while the primary was away.
      else if (!(await this.#changeScheduler(scheduler, unit.jobs[0]))) {
        duplicates.push({ queue: scheduler.queue, job: scheduler.id });
      }
    }
    const queues = new Set(units.flatMap(({ jobs }) => jobs.map(({ queue }) => queue)));
    transaction.end(mark, [...queues].map(unheard));
    const replies = await transaction.exec();
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) {
      // A script that isn't there is sent with the next batch.
      if (!isRefusal(failed) || failed.message.startsWith('NOSCRIPT')) throw failed;
      const refused = transaction.refused(replies ?? []);
      if (refused.size === 0) throw failed;
      return refusals.takeOut(mark, refused, known);
    }
    for (const { queue, job, at } of transaction.queued) {
      const answer = replies?.[at]?.[1];
      if (typeof answer === 'string' && answer !== job) duplicates.push({ queue, job });
    }
    return { added: transaction.queued.length, duplicates };
  }

  /** The jobs whose id the primary knows: theirs is the job that stands. */
  async #known(units: readonly TakenUnit[]): Promise<Set<TakenJob>> {
    const jobs = units.flatMap(unit => (unit.scheduler === undefined ? unit.jobs : []));
    const pipeline = this.#redis.pipeline();
    for (const { queue, id } of jobs) pipeline.exists(`${queue}:${id}`);
    const found = await answers(pipeline.exec());
    return new Set(jobs.filter((_, index) => found[index] === 1));
  }

  async #nextRun({ queue, id }: TakenScheduler): Promise<number | null> {
    const score = await this.#redis.zscore(`${queue}:repeat`, id);
    return score === null ? null : Number(score);
  }

  /** False when the jobs it has planned there don't allow it: the one that is there stands. */
  async #changeScheduler(taken: TakenScheduler, planned: TakenJob | undefined): Promise<boolean> {
    const { queue, id, next, data, templateOpts } = taken;
    const { repeat, jobOpts } = scheduleNow(taken, planned, this.#parts.clock.now());
    try {
      await this.#silentQueue(queue).addJobScheduler(id, next, data, templateOpts, repeat, jobOpts);
      return true;
    } catch (error) {
      if (typeof (error as { code?: unknown }).code === 'number') return false;
      throw error;
    }
  }

  async forgetBatch(batch: string): Promise<void> {
    // Not at once: a drain that was stopped for long may still come with it.
    await this.#redis.pexpire(this.#batchKey(batch), BATCH_KEY_MS);
  }

  /** While it stands the batch was added: written in the same transaction. */
  #batchKey(batch: string): string {
    return `${this.#parts.prefix}:spillway:batch:${batch}`;
  }

  async openWindows(keys: readonly EndingKey[]): Promise<true> {
    const now = this.#parts.clock.now();
    const pipeline = this.#redis.pipeline();
    for (const { queue, id, job, until } of keys) {
      pipeline.set(`${queue}:de:${id}`, job, 'PX', Math.max(1, Math.ceil(until - now)), 'NX');
    }
    await answers(pipeline.exec());
    return true;
  }

  async reclaim(qualifiedName: string, jobId: string): Promise<boolean> {
    const key = (type: string) => `${qualifiedName}:${type}`;
    const keys = [key('active'), key('wait'), key('paused'), key('prioritized'), key('delayed'), key(jobId)];
    return (await this.#redis.call('EVAL', RECLAIM, String(keys.length), ...keys, jobId)) === 1;
  }

  async claimedWith(
    qualifiedName: string,
    tokens: ReadonlySet<string>,
  ): Promise<{ id: string; token: string }[]> {
    const ids = await this.#redis.lrange(`${qualifiedName}:active`, 0, -1);
    if (ids.length === 0) return [];
    const locks = await this.#redis.mget(ids.map(id => `${qualifiedName}:${id}:lock`));
    return ids.flatMap((id, index) => {
      const token = locks[index];
      return token && tokens.has(token) ? [{ id, token }] : [];
    });
  }

  async present(qualifiedName: string, ids: readonly string[]): Promise<boolean[]> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.exists(`${qualifiedName}:${id}`);
    return (await answers(pipeline.exec())).map(found => found === 1);
  }

  async unfinished(qualifiedName: string, ids: readonly string[]): Promise<boolean[]> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) {
      pipeline.hexists(`${qualifiedName}:${id}`, 'name');
      pipeline.hexists(`${qualifiedName}:${id}`, 'finishedOn');
    }
    const found = await answers(pipeline.exec());
    return ids.map((_, index) => found[2 * index] === 1 && found[2 * index + 1] === 0);
  }

  async makeRoom(qualifiedName: string, atMost: number): Promise<number> {
    const trouble = await this.#connect();
    if (trouble !== undefined) throw trouble;
    // Completed ones first: a failed one may still be wanted.
    for (const state of ['completed', 'failed']) {
      const ids = await this.#redis.zrange(`${qualifiedName}:${state}`, '0', String(atMost - 1));
      if (ids.length === 0) continue;
      const pipeline = this.#redis.pipeline();
      pipeline.zrem(`${qualifiedName}:${state}`, ...ids);
      for (const id of ids) {
        pipeline.unlink(...JOB_SUFFIXES.map(suffix => `${qualifiedName}:${id}${suffix}`));
      }
      await answers(pipeline.exec());
      return ids.length;
    }
    return 0;
  }

  drop(): void {
    this.#queues.clear();
    this.#silent.clear();
    const [client, backends] = [this.#client, [...this.#backends.values()]];
    this.#client = undefined;
    this.#backends.clear();
    for (const backend of backends) backend.close(true).catch(() => undefined);
    client?.disconnect();
  }

  async close(): Promise<void> {
    this.drop();
    this.#probe.close();
  }
}

/** Leaves out jobs that are known; of a flow whose root is, the others are added to that, as BullMQ does. */
function missing(
  units: readonly TakenUnit[],
  known: ReadonlySet<TakenJob>,
  duplicates: Standing[],
): TakenUnit[] {
  return units.filter(({ jobs }) => {
    const [root] = jobs;
    if (root === undefined || !known.has(root)) return true;
    duplicates.push({ queue: root.queue, job: root.id });
    return jobs.some(job => !known.has(job));
  });
}

/** Whether what the primary has planned for `next` is over: the scheduler ran here since, or has come to its limit or end. */
function hasGoneOn({ jobs, scheduler }: TakenUnit, next: number, now: number): boolean {
  return jobs.length === 0 || (scheduler !== undefined && scheduler.iterations > 1 && next < now);
}

/** The events of jobs that are given back, for as long as that takes. */
function unheard(queue: string): string {
  return `${queue}:spillway:unheard`;
}

async function answers(replies: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> {
  return ((await replies) ?? []).map(([error, answer]) => {
    if (error !== null) throw error;
    return answer;
  });
}
