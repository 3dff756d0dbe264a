import { isDeepStrictEqual } from 'node:util';
import { type Processor, QueueEvents } from 'bullmq';
import type { Config } from '../config/index.ts';
import type { InlineHandler } from '../engines/failover/index.ts';
import { systemClock } from '../shared/clock.ts';
import { SpillwayError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { scrubError } from '../shared/secrets.ts';
import type { Engine } from './engine.ts';
import { SpillwayFlowProducer } from './flow.ts';
import { meantBy, unknownOptions } from './known-options.ts';
import { checkQueueName } from './names.ts';
import { SpillwayQueue } from './queue.ts';
import { checkQueueOptions, checkSettings } from './queue-options.ts';
import { RepeatFilter } from './repeat-filter.ts';
import type { StandardSchema } from './standard-schema.ts';
import { readJob, readStats } from './status.ts';
import type {
  FlowSettings,
  JobStatus,
  QueueDeclaration,
  QueueDeclarations,
  QueueEventsSettings,
  SpillwayStats,
  WorkerSettings,
} from './types.ts';
import { closeOrCut, SpillwayWorker, settledWithin } from './worker.ts';
import { checkWorkerOptions } from './worker-options.ts';

/** How long the failover engine may take to end what it is giving back. */
const engineCloseTimeoutMs = 5_000;

interface OpenQueue {
  queue: SpillwayQueue;
  settings: QueueDeclaration;
}

/** Anything BullMQ gives that lives until it is closed. */
interface Closable {
  // BullMQ overloads `on` per class; the names used here are common to all.
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
  disconnect(): Promise<void>;
  readonly closing: Promise<void> | undefined;
}

/** What a shutdown could not finish. */
export interface ShutdownReport {
  /** Jobs moved back to waiting because they did not finish in time. */
  givenBack: number;
  /** Jobs whose lock has to expire first. */
  left: number;
}

/**
 * Opens BullMQ's objects on one engine and owns them: one Queue a name, every error logged, and all of it closed
 * together, workers first.
 */
export class QueueRegistry {
  readonly #config: Config;
  readonly #engine: Engine;
  readonly #logger: Logger;
  readonly #declared: ReadonlyMap<string, QueueDeclaration> | undefined;
  readonly #queues = new Map<string, OpenQueue>();
  readonly #workers = new Set<SpillwayWorker<unknown, unknown, string>>();
  readonly #events = new Map<string, QueueEvents>();
  readonly #others = new Set<Closable>();
  #flow: SpillwayFlowProducer | undefined;
  #closed = false;
  #endGrace: (() => void) | undefined;

  constructor(config: Config, engine: Engine, logger: Logger, declarations: QueueDeclarations | undefined) {
    this.#config = config;
    this.#engine = engine;
    this.#logger = logger;
    this.#declared = declarations && readDeclarations(declarations);
    for (const [name, { inline }] of this.#declared ?? []) this.#allowInline(name, inline);
  }

  queue(name: string, given?: QueueDeclaration): SpillwayQueue {
    const declaration = this.#admit(name);
    if (given !== undefined) checkQueueOptions(name, given);
    const open = this.#queues.get(name);
    if (open !== undefined && open.queue.closing === undefined) {
      if (given !== undefined && !sameSettings({ ...declaration, ...given }, open.settings)) {
        throw new SpillwayError(
          'SPILLWAY_INVALID_OPTION',
          `Queue ${JSON.stringify(name)} is already open with other options; open it once and pass it on, or call queue() without options`,
          { details: { option: 'options', queue: name } },
        );
      }
      return open.queue;
    }
    const settings = { ...declaration, ...given };
    const { schema, inline, ...rest } = settings;
    this.#allowInline(name, inline);
    this.#warnOfUnknown('queue', name, settings);
    const queue = new SpillwayQueue(name, { prefix: this.#config.prefix, ...rest }, this.#engine, schema);
    this.#watch(queue, { queue: name });
    this.#queues.set(name, { queue, settings });
    return queue;
  }

  worker<Data, Result, Name extends string>(
    name: string,
    processor: string | URL | null | Processor<Data, Result, Name>,
    given: WorkerSettings & { schema?: StandardSchema } = {},
  ): SpillwayWorker<Data, Result, Name> {
    this.#admit(name);
    checkSettings(`a worker for queue ${JSON.stringify(name)}`, given);
    const { schema: _, ...settings } = given;
    const complete = { prefix: this.#config.prefix, ...this.#config.worker, ...settings };
    checkWorkerOptions(name, processor, complete);
    this.#warnOfUnknown('worker', name, settings ?? {});
    const worker = new SpillwayWorker(name, processor, complete, this.#engine);
    this.#watch(worker, { queue: name, worker: complete.name });
    const owned = worker as unknown as SpillwayWorker<unknown, unknown, string>;
    this.#workers.add(owned);
    worker.once('closed', () => this.#workers.delete(owned));
    return worker;
  }

  queueEvents(name: string, given?: QueueEventsSettings): QueueEvents {
    this.#admit(name);
    checkSettings(`the events of queue ${JSON.stringify(name)}`, given ?? {});
    const open = this.#events.get(name);
    if (given === undefined && open !== undefined && open.closing === undefined) return open;
    const settings = { prefix: this.#config.prefix, ...this.#engine.consumer, ...given };
    const events = new QueueEvents(name, settings, this.#engine.factory);
    this.#watch(events, { queue: name, events: true });
    if (given === undefined) this.#events.set(name, events);
    else this.#own(events);
    return events;
  }

  flow(given?: FlowSettings): SpillwayFlowProducer {
    this.#refuseWhenClosed();
    checkSettings('a flow producer', given ?? {});
    if (given === undefined && this.#flow !== undefined && this.#flow.closing === undefined)
      return this.#flow;
    const flow = new SpillwayFlowProducer({ prefix: this.#config.prefix, ...given }, this.#engine, {
      schemaOf: name => {
        const declaration = this.#admit(name);
        const open = this.#queues.get(name);
        return (open?.settings ?? declaration)?.schema;
      },
    });
    this.#watch(flow, { flow: true });
    if (given === undefined) this.#flow = flow;
    else this.#own(flow);
    return flow;
  }

  async stats(): Promise<SpillwayStats> {
    this.#refuseWhenClosed();
    const names = new Set([
      ...(this.#declared?.keys() ?? []),
      ...this.#queues.keys(),
      ...[...this.#workers].map(worker => worker.name),
    ]);
    const entries = await Promise.all(
      [...names].map(async name => [name, await readStats(this.queue(name))] as const),
    );
    const { failover } = this.#engine;
    return {
      mode: this.#config.engine,
      queues: Object.fromEntries(entries),
      ...(failover === undefined ? {} : { failover: failover.status() }),
    };
  }

  async job(name: string, id: string): Promise<JobStatus | undefined> {
    this.#refuseWhenClosed();
    const worked = [...this.#workers].some(worker => worker.name === name);
    if (this.#declared === undefined && !this.#queues.has(name) && !worked) {
      throw unknownQueue(name, [...this.#queues.keys()]);
    }
    return readJob(this.queue(name), id);
  }

  /** Ends the waiting for running jobs now; without effect before or after `close`. */
  endGrace(): void {
    this.#endGrace?.();
  }

  /**
   * Closes everything. Workers first: they stop fetching and get `shutdownTimeoutMs` to finish; jobs still running then
   * are given back. Then queues, events and flows, each within 2 s. Never rejects: what goes wrong is logged.
   */
  async close(): Promise<ShutdownReport> {
    this.#closed = true;
    const report = await this.#closeWorkers();
    await Promise.all(
      [
        ...[...this.#queues.values()].map(({ queue }) => queue),
        ...this.#events.values(),
        ...(this.#flow === undefined ? [] : [this.#flow]),
        ...this.#others,
      ].map(each => this.#closeOne(each)),
    );
    this.#queues.clear();
    this.#events.clear();
    this.#others.clear();
    await this.#closeFailover();
    return report;
  }

  async #closeFailover(): Promise<void> {
    const closing = this.#engine.failover?.close().catch(error => {
      this.#logger.warn({ err: error }, 'The failover engine did not close cleanly');
    });
    if (closing === undefined || (await settledWithin(closing, engineCloseTimeoutMs))) return;
    this.#logger.warn(
      {},
      'The failover engine did not close in time; what it was giving back goes on at the next start',
    );
  }

  /** Of no use on engines that have one home only. */
  #allowInline(name: string, handler: InlineHandler | undefined): void {
    if (handler !== undefined) this.#engine.failover?.allowInline(name, handler);
  }

  async #closeWorkers(): Promise<ShutdownReport> {
    const report: ShutdownReport = { givenBack: 0, left: 0 };
    if (this.#workers.size === 0) return report;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      this.#endGrace = resolve;
      timer = setTimeout(resolve, this.#config.shutdownTimeoutMs);
    });
    await Promise.all(
      [...this.#workers].map(async worker => {
        try {
          const { givenBack, left } = await worker.closeWithin(late);
          report.givenBack += givenBack.length;
          report.left += left.length;
          if (givenBack.length + left.length === 0) return;
          this.#logger.warn(
            { queue: worker.name, givenBack, left },
            `${givenBack.length} unfinished jobs of queue ${worker.name} were given back; ${left.length} wait for their lock to expire`,
          );
        } catch (error) {
          this.#logger.error({ err: error, queue: worker.name }, 'A worker did not close cleanly');
        }
      }),
    );
    clearTimeout(timer);
    this.#endGrace = undefined;
    this.#workers.clear();
    return report;
  }

  async #closeOne(each: Closable): Promise<void> {
    const closing = each.close().catch(error => {
      this.#logger.warn({ err: error }, 'Something did not close cleanly');
    });
    if (await closeOrCut(each, closing)) return;
    this.#logger.warn({}, 'A connection did not close in time and was cut');
  }

  /** For objects made with options of their own; forgotten when their user closes them. */
  #own(each: Closable): void {
    for (const other of this.#others) if (other.closing !== undefined) this.#others.delete(other);
    this.#others.add(each);
  }

  /** An EventEmitter without an `error` listener throws; and no listener of a user may see a password. */
  #watch(each: Closable, of: Record<string, unknown>): void {
    const repeats = new RepeatFilter(systemClock);
    each.on('error', error => {
      scrubError(error, this.#config.secrets);
      // Connecting to several addresses fails with an AggregateError, whose message is empty.
      const message = error.message || (error as NodeJS.ErrnoException).code || error.name;
      const repeated = repeats.admit(message);
      if (repeated === undefined) return;
      this.#logger.error({ ...of, err: error, ...(repeated > 0 ? { repeated } : {}) }, message);
    });
  }

  /** Checks a name; gives what was declared about it. */
  #admit(name: string): QueueDeclaration | undefined {
    this.#refuseWhenClosed();
    checkQueueName(name);
    if (this.#declared === undefined) return undefined;
    const declaration = this.#declared.get(name);
    if (declaration === undefined) throw unknownQueue(name, [...this.#declared.keys()]);
    return declaration;
  }

  #warnOfUnknown(of: 'queue' | 'worker', queue: string, settings: object): void {
    for (const option of unknownOptions(of, settings)) {
      const whose = of === 'queue' ? 'Queue' : 'A worker for queue';
      this.#logger.warn(
        { queue, option },
        `${whose} ${JSON.stringify(queue)} has the option ${option}, which neither BullMQ nor Spillway knows: it has no effect${meantBy(of, option)}`,
      );
    }
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new SpillwayError('SPILLWAY_CLOSED', 'This Spillway is closed');
  }
}

function readDeclarations(declarations: QueueDeclarations): Map<string, QueueDeclaration> {
  const entries: [string, QueueDeclaration][] = Array.isArray(declarations)
    ? declarations.map(name => [name, {}])
    : Object.entries(declarations);
  for (const [name, declaration] of entries) {
    checkQueueName(name);
    checkQueueOptions(name, declaration);
  }
  return new Map(entries);
}

function sameSettings(one: QueueDeclaration, other: QueueDeclaration): boolean {
  const { schema: schemaOfOne, telemetry: telemetryOfOne, ...restOfOne } = one;
  const { schema, telemetry, ...rest } = other;
  return schemaOfOne === schema && telemetryOfOne === telemetry && isDeepStrictEqual(restOfOne, rest);
}

function unknownQueue(given: unknown, known: readonly string[]): SpillwayError {
  const name = String(given);
  return new SpillwayError(
    'SPILLWAY_UNKNOWN_QUEUE',
    `There is no queue ${JSON.stringify(name.slice(0, 100))}; known are: ${known.join(', ') || 'none'}`,
    { details: { queue: name.slice(0, 100), known } },
  );
}
