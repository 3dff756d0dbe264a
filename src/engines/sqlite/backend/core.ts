import { EventEmitter } from 'node:events';
import { type KeysMap, type QueueBaseOptions, QueueKeys } from 'bullmq';
import { type CodeContext, refuse } from '../codes.ts';
import { closedError } from '../failure.ts';
import { type OperationKind, READ, WRITE } from '../operation.ts';
import type { SqliteConnectionOptions } from '../options.ts';
import type { QueueState } from '../queue-state.ts';
import type { Session } from '../session.ts';
import type { Store } from '../store.ts';

/** The options BullMQ's classes hand to a backend: those of QueueOptions and WorkerOptions together. */
export interface BackendOptions extends QueueBaseOptions<SqliteConnectionOptions> {
  prefix?: string;
  name?: string;
  lockDuration?: number;
  limiter?: { max: number; duration: number };
  removeOnComplete?: import('bullmq').KeepJobs;
  removeOnFail?: import('bullmq').KeepJobs;
  maxStalledCount?: number;
  stalledInterval?: number;
  metrics?: { maxDataPoints?: number };
}

/** BullMQ's default for a worker's lockDuration, in ms. */
const DEFAULT_LOCK_MS = 30_000;

/**
 * What the parts of the backend share: the queue's identity, and running an operation in the next batch.
 *
 * The backend is one class in several files, each a layer that adds one family of the contract's operations:
 * core -> producing -> working -> managing -> reading -> SqliteQueueBackend.
 */
export abstract class BackendCore extends EventEmitter {
  /** Largest block timeout in seconds: an idle worker need not look again, a new job wakes it. */
  readonly maximumBlockTimeout = 60;
  /** Smallest block timeout in seconds. */
  readonly minimumBlockTimeout = 0.001;
  readonly qualifiedName: string;
  protected readonly queueName: string;
  protected readonly prefix: string;
  protected readonly options: BackendOptions;
  protected readonly store: Store;
  readonly #keys: QueueKeys;

  constructor(store: Store, queueName: string, options: BackendOptions) {
    super();
    this.store = store;
    this.queueName = queueName;
    this.options = options;
    this.prefix = options.prefix ?? 'bull';
    this.qualifiedName = `${this.prefix}:${queueName}`;
    this.#keys = new QueueKeys(this.prefix);
  }

  abstract readonly closing: Promise<void> | undefined;

  get keys(): KeysMap {
    return this.#keys.getKeys(this.queueName);
  }

  toKey(type: string): string {
    return `${this.qualifiedName}:${type}`;
  }

  parseNodeKey(key: string): { prefix: string; queueName: string; id: string } {
    const last = key.lastIndexOf(':');
    const middle = key.lastIndexOf(':', last - 1);
    if (last === -1 || middle === -1) {
      const [prefix = '', queueName = '', id = ''] = key.split(':');
      return { prefix, queueName, id };
    }
    return { prefix: key.slice(0, middle), queueName: key.slice(middle + 1, last), id: key.slice(last + 1) };
  }

  clientName(suffix = ''): string {
    return `${this.prefix}:${Buffer.from(this.queueName).toString('base64')}${suffix}`;
  }

  protected get lockDuration(): number {
    return this.options.lockDuration ?? DEFAULT_LOCK_MS;
  }

  /** Runs a look at the queue; its writes come after those called before it and before those called after. */
  protected read<T>(look: (session: Session, queue: QueueState) => T): Promise<T> {
    return this.#run(READ, session => look(session, session.queue(this.qualifiedName)));
  }

  /** Runs a change of the queue; durable before its promise resolves. */
  protected write<T>(change: (session: Session, queue: QueueState) => T, kind = WRITE): Promise<T> {
    return this.#run(kind, session => change(session, session.writable(this.qualifiedName)));
  }

  #run<T>(kind: OperationKind, run: (session: Session) => T): Promise<T> {
    // Sibling backends of a flow producer live and end with the one they came from.
    if (this.isClosed) return Promise.reject(closedError());
    return this.store.run(kind, run);
  }

  protected abstract readonly isClosed: boolean;

  /** Runs a change that answers with a number; a negative one is an error code of the contract. */
  protected async coded(
    command: string,
    context: Omit<CodeContext, 'code' | 'command'>,
    change: (session: Session, queue: QueueState) => number,
    kind = WRITE,
  ): Promise<number> {
    return this.write((session, queue) => {
      const code = change(session, queue);
      if (code < 0) throw refuse({ ...context, code, command });
      return code;
    }, kind);
  }
}
