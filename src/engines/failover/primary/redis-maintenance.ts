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
import type { TakenScheduler, TakenUnit } from '../../sqlite/index.ts';
import { splitQueue } from '../entries.ts';
import { nameOfUnit } from '../ledger/index.ts';
import { inOrderOfAdding } from './placing.ts';
import {
  type BatchReport,
  type Facts,
  type Health,
  isRefusal,
  type Maintenance,
  type Standing,
  UnitsRefused,
} from './primary.ts';
import { Batch } from './redis-batch.ts';
import { HISTORY, JOB_SUFFIXES, RECLAIM, SCHEDULER } from './redis-scripts.ts';

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
      if (!ANSWERS.has(result.class)) this.#disconnect();
      return { ok: false, failure: result.class, message: result.message, remedy: result.remedy };
    }
    const trouble = await this.#connect();
    if (trouble !== undefined) {
      this.#disconnect();
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
    if (this.#client !== undefined) this.#disconnect();
    const client = this.#parts.openClient();
    for (const { name, keys, lua } of [HISTORY, SCHEDULER]) {
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
    if ((await redis.exists(mark)) === 1) return this.#addedBefore(mark, units);
    const duplicates: Standing[] = [];
    const client = await this.queue(`${this.#parts.prefix}:spillway`).client;
    const transaction = new Batch(client.multi(), queue => this.#silentQueue(queue), this.#parts.clock.now());
    for (const unit of inOrderOfAdding(await this.#missing(units, duplicates))) {
      const { scheduler } = unit;
      if (scheduler === undefined || !(await this.#hasScheduler(scheduler))) transaction.add(unit);
      // It was changed while the primary was away. One that has planned no job has come to its limit or end.
      else if (unit.jobs.length > 0 && !(await this.#changeScheduler(scheduler))) {
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
      return this.#refuse(mark, refused);
    }
    for (const { queue, job, at } of transaction.queued) {
      const answer = replies?.[at]?.[1];
      if (typeof answer === 'string' && answer !== job) duplicates.push({ queue, job });
    }
    return { added: transaction.queued.length, duplicates };
  }

  /** The transaction has been carried out; but for what it refused, if whoever sent it did not come to keep that back. */
  async #addedBefore(mark: string, units: readonly TakenUnit[]): Promise<BatchReport> {
    const told = JSON.parse((await this.#redis.hget(mark, 'refused')) ?? '[]') as string[];
    const refused = new Map<TakenUnit, string>();
    await Promise.all(
      units.map(async unit => {
        const rests = await Promise.all(unit.jobs.map(job => this.#isRest(job)));
        if (told.includes(nameOfUnit(unit)) || rests.includes(true)) {
          refused.set(unit, 'it was refused before, in a batch that was not gone on with');
        }
      }),
    );
    if (refused.size > 0) await this.#refuse(mark, refused);
    return { added: 0, duplicates: [] };
  }

  /** @throws UnitsRefused, which is kept with the mark: the next to come with this batch is told the same. */
  async #refuse(mark: string, refused: ReadonlyMap<TakenUnit, string>): Promise<never> {
    await this.#redis.hset(mark, 'refused', JSON.stringify([...refused.keys()].map(nameOfUnit)));
    for (const { queue, id } of [...refused.keys()].flatMap(({ jobs }) => jobs)) {
      try {
        await this.#silentQueue(queue).remove(id, false);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        await this.#redis.unlink(...JOB_SUFFIXES.map(suffix => `${queue}:${id}${suffix}`));
      }
    }
    throw new UnitsRefused(refused);
  }

  /** A script that failed in its middle leaves what it had written: a job that is in no list, whose id is taken. */
  async #isRest({ queue, id }: { queue: string; id: string }): Promise<boolean> {
    if ((await this.#redis.exists(`${queue}:${id}`)) === 0) return false;
    try {
      return (await this.queue(queue).getState(id)) === 'unknown';
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return true;
    }
  }

  /** Leaves out jobs whose id the primary knows: theirs is the job that stands. */
  async #missing(units: readonly TakenUnit[], known: Standing[]): Promise<TakenUnit[]> {
    const roots = units.map(({ jobs }) => jobs[0]);
    const pipeline = this.#redis.pipeline();
    for (const root of roots) pipeline.exists(root === undefined ? '' : `${root.queue}:${root.id}`);
    const found = await answers(pipeline.exec());
    return units.filter((unit, index) => {
      const root = roots[index];
      if (found[index] !== 1 || root === undefined || unit.scheduler !== undefined) return true;
      known.push({ queue: root.queue, job: root.id });
      return false;
    });
  }

  async #hasScheduler({ queue, id }: TakenScheduler): Promise<boolean> {
    return (await this.#redis.zscore(`${queue}:repeat`, id)) !== null;
  }

  /** False when the jobs it has planned there don't allow it: the one that is there stands. */
  async #changeScheduler(taken: TakenScheduler): Promise<boolean> {
    const { queue, id, next, data, templateOpts, repeat, jobOpts } = taken;
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

  #disconnect(): void {
    this.#queues.clear();
    this.#silent.clear();
    const [client, backends] = [this.#client, [...this.#backends.values()]];
    this.#client = undefined;
    this.#backends.clear();
    for (const backend of backends) backend.close(true).catch(() => undefined);
    client?.disconnect();
  }

  async close(): Promise<void> {
    this.#disconnect();
    this.#probe.close();
  }
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
