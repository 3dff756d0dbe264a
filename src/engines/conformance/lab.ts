import { ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BackendFactory,
  type ConnectionOptions,
  FlowProducer,
  type FlowProducerOptions,
  type IQueueBackend,
  type Job,
  type JobType,
  type Processor,
  Queue,
  QueueEvents,
  type QueueEventsOptions,
  QueueEventsProducer,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import type { EngineUnderTest } from './engine.ts';
import { codeOf, type Json, scrub } from './json.ts';

interface Closable {
  close(force?: boolean): Promise<unknown>;
}

export type LabQueue = ReturnType<Lab['queue']>;
export type LabWorker = ReturnType<Lab['worker']>;

/** All states a job can be listed in, in the order a report shows them. */
export const states = [
  'wait',
  'prioritized',
  'delayed',
  'active',
  'waiting-children',
  'completed',
  'failed',
] as const satisfies readonly JobType[];

/** How long `until` and the suite's own calls wait at most, in milliseconds. */
const deadline = 8_000;

/**
 * What one behaviour works with: unique queues on the engine under test, helpers to look at them, and a guarantee
 * that all it opened is closed afterwards, also when the behaviour failed.
 */
export class Lab {
  readonly engine: EngineUnderTest;
  /** Errors emitted by the queue classes; a behaviour may look at them. */
  readonly errors: Error[] = [];
  readonly startedAt = Date.now();
  private readonly labels = new Map<string, string>();
  private readonly opened: Closable[] = [];
  private readonly id = randomBytes(5).toString('hex');

  constructor(engine: EngineUnderTest) {
    this.engine = engine;
  }

  /** The cursor before every event. */
  get oldest(): string {
    return this.engine.oldestEvent ?? '0-0';
  }

  /** The engine's factory, in the type BullMQ's constructors expect. */
  get factory(): BackendFactory<IQueueBackend, ConnectionOptions> {
    return this.engine.factory as unknown as BackendFactory<IQueueBackend, ConnectionOptions>;
  }

  /** The options every class needs: where to connect, and the prefix if the engine has its own. */
  base(): { connection: ConnectionOptions; prefix?: string } {
    const connection = this.engine.connection() as ConnectionOptions;
    return this.engine.prefix === undefined ? { connection } : { connection, prefix: this.engine.prefix };
  }

  /** A queue name used by nobody else; the same label gives the same name within one behaviour. */
  name(label = 'q'): string {
    const name = `conf-${this.id}-${label}`;
    this.labels.set(name, `<${label}>`);
    return name;
  }

  /** A `Queue` named after `label`; two with the same label are two clients of one queue. */
  queue(opts: Partial<QueueOptions> = {}, label = 'q') {
    const queue = new Queue(this.name(label), { ...this.base(), ...opts }, this.factory);
    this.labels.set(queue.qualifiedName, `<${label}>`);
    return this.keep(queue);
  }

  /** A `Worker`; with a null processor it fetches only by hand, with `getNextJob`. */
  worker(processor: Processor | null = null, opts: Partial<WorkerOptions> = {}, label = 'q') {
    const worker = new Worker(
      this.name(label),
      processor,
      { ...this.base(), drainDelay: 0.05, autorun: processor !== null, skipLockRenewal: true, ...opts },
      this.factory,
    );
    return this.keep(worker);
  }

  /** A `FlowProducer`. */
  flow(opts: Partial<FlowProducerOptions> = {}) {
    return this.keep(new FlowProducer({ ...this.base(), ...opts }, this.factory));
  }

  /** A `QueueEvents`, ready; it starts at `$` unless told otherwise. */
  async events(opts: Partial<QueueEventsOptions> = {}, label = 'q') {
    const events = this.keep(
      new QueueEvents(
        this.name(label),
        { ...this.base(), blockingTimeout: 1_000, autorun: true, ...opts },
        this.factory,
      ),
    );
    await events.waitUntilReady();
    return events;
  }

  /** A `QueueEventsProducer`. */
  producer(label = 'q') {
    return this.keep(new QueueEventsProducer(this.name(label), this.base(), this.factory));
  }

  /** Claims the next job by hand; fails the behaviour when there is none. */
  async take(worker: LabWorker, token = 't'): Promise<Job> {
    const job = await worker.getNextJob(token, { block: false });
    ok(job, 'expected a job to be ready');
    return job;
  }

  /** Claims and completes until nothing is ready; answers the names in the order they came. */
  async runAll(worker: LabWorker): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const job = await worker.getNextJob('t', { block: false });
      if (!job) return names;
      names.push(job.name);
      await job.moveToCompleted(null, 't', false);
    }
  }

  /** Adds, claims and completes one job with `value`. */
  async complete(queue: LabQueue, worker: LabWorker, name: string, value: unknown = 'ok', opts = {}) {
    await queue.add(name, {}, opts);
    const job = await this.take(worker);
    await job.moveToCompleted(value, 't', false);
    return job;
  }

  /** Adds, claims and fails one job. */
  async fail(queue: LabQueue, worker: LabWorker, name: string, reason = 'broken', opts = {}) {
    await queue.add(name, {}, opts);
    const job = await this.take(worker);
    await job.moveToFailed(new Error(reason), 't', false);
    return job;
  }

  /**
   * Ids by state, ascending; states without jobs are left out. States ordered by the clock alone (finished jobs, waiting
   * parents) are told in the order of ids, since two of one millisecond have no other; `getters` looks at their order.
   */
  async where(queue: LabQueue): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const state of states) {
      const ids = await queue.getRanges([state], 0, -1, true);
      const byClock = state === 'completed' || state === 'failed' || state === 'waiting-children';
      if (ids.length > 0) found[state] = byClock ? ids.sort() : ids;
    }
    return found;
  }

  /** The raw event stream in order, one text an event: `event=added jobId=1 name=a`. */
  async eventLog(queue: { getBackend(): IQueueBackend }, after = this.oldest): Promise<string[]> {
    return (await this.rawEvents(queue, after)).map(([, fields]) => flat(fields));
  }

  /** The raw event entries: `[cursor, [field, value, ...]]`. */
  async rawEvents(
    queue: { getBackend(): IQueueBackend },
    after = this.oldest,
  ): Promise<[string, string[]][]> {
    const read = await queue.getBackend().readEvents(after, 10);
    return read?.[0]?.[1] ?? [];
  }

  /** The cursor of the newest event, to read only what follows. */
  async cursor(queue: { getBackend(): IQueueBackend }): Promise<string> {
    return (await this.rawEvents(queue)).at(-1)?.[0] ?? this.oldest;
  }

  /** Runs `work` and answers only the events it caused. */
  async eventsOf(queue: LabQueue, work: () => Promise<unknown>): Promise<string[]> {
    const before = await this.cursor(queue);
    await work();
    return this.eventLog(queue, before);
  }

  /** A stored job as plain fields, read again from the engine; stack traces become their number. */
  async stored(queue: LabQueue, id: string | undefined): Promise<Json> {
    const raw = await queue.getBackend().getJobData(id ?? '');
    if (!raw) return 'missing';
    // What BullMQ's Job makes no difference of: an id told twice, a null result, no traces.
    const { stacktrace, id: _id, returnvalue, ...rest } = raw;
    const traces: unknown = stacktrace === undefined ? undefined : JSON.parse(stacktrace.toString());
    const kept = Array.isArray(traces) && traces.length > 0 ? traces.length : undefined;
    return this.scrub({
      ...rest,
      traces: kept,
      returnvalue: returnvalue === 'null' ? undefined : returnvalue,
    });
  }

  /** The refusal's message and code, or what came back when it was not refused. */
  async refusal(work: Promise<unknown> | (() => Promise<unknown>)): Promise<unknown> {
    try {
      const accepted = await (typeof work === 'function' ? work() : work);
      return { accepted };
    } catch (error) {
      return { refused: error instanceof Error ? error.message : String(error), code: codeOf(error) };
    }
  }

  /** Waits until `condition` answers something truthy. */
  async until<T>(condition: () => Promise<T> | T, what = 'a condition'): Promise<NonNullable<T>> {
    const end = performance.now() + deadline;
    for (;;) {
      const value = await condition();
      if (value) return value;
      ok(performance.now() < end, `waited ${deadline} ms for ${what}`);
      await sleep(5);
    }
  }

  /** Lets real time pass; only where time itself is the subject. */
  async pass(ms: number): Promise<void> {
    await sleep(ms);
  }

  scrub(value: unknown): Json {
    return scrub(value, { labels: this.labels, startedAt: this.startedAt });
  }

  /** Closes all that was opened, newest first, by force; what does not close within 3 s is left behind. */
  async close(): Promise<void> {
    for (const closable of this.opened.splice(0).reverse()) {
      const late = new AbortController();
      const closed = closable.close(true).catch(() => undefined);
      await Promise.race([closed, sleep(3_000, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
    }
  }

  private keep<T extends Closable & { on(event: 'error', listener: (error: Error) => void): unknown }>(
    it: T,
  ): T {
    it.on('error', error => this.errors.push(error));
    this.opened.push(it);
    return it;
  }
}

/** `['event','added','jobId','1']` as `event=added jobId=1`. */
export function flat(fields: readonly string[]): string {
  const pairs: string[] = [];
  for (let at = 0; at < fields.length; at += 2) pairs.push(`${fields[at]}=${fields[at + 1]}`);
  return pairs.join(' ');
}
