import type { RedisTarget } from '../config/index.ts';
import { DeadlineError } from './deadline.ts';
import { classifyFailure } from './failure.ts';
import { openCluster, openRedis, type RedisClient } from './open.ts';
import { lookAgain } from './second-look.ts';

/**
 * One connection that is opened once and never again: no reconnecting, no command sent twice, no error without a
 * listener, and gone at once when destroyed. The caller owns it, and brings the deadline; `timeoutMs` bounds no more than
 * the way to each server.
 */
export class Link {
  readonly client: RedisClient;
  /** Resolves when it can be used; rejects with what was told, where ioredis itself says "Connection is closed". */
  readonly opened: Promise<void>;
  readonly #target: RedisTarget;
  readonly #timeoutMs: number;
  readonly #end = new AbortController();
  #trouble: unknown;
  #connected = false;
  #opened = false;
  /** Of a cluster that cannot be opened: the connection to the node that is asked why. */
  #inner: Link | undefined;

  constructor(target: RedisTarget, timeoutMs: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.client = openOnce(target, timeoutMs);
    // What comes after the first is a consequence; on a cluster it may be about another node.
    const note = (error: unknown) => {
      if (this.#trouble === undefined || target.cluster) this.#trouble = error;
    };
    this.client.on('error', note);
    this.client.on('node error', note);
    this.client.on('connect', () => {
      this.#connected = true;
    });
    this.opened = this.#open();
    this.opened.catch(() => {});
  }

  async #open(): Promise<void> {
    const { cluster, tls } = this.#target;
    const doubt = tls && !cluster ? setTimeout(() => void this.#doubt(), this.#timeoutMs / 2) : undefined;
    try {
      await this.client.connect();
      // SELECT may have failed: ioredis goes on all the same, in another database.
      if (this.#trouble !== undefined && !cluster) throw this.#trouble;
      this.#trouble = undefined;
      this.#opened = true;
    } catch (error) {
      const better = this.#end.signal.aborted ? undefined : await this.#reason(this.telling(error));
      this.destroy();
      throw better ?? this.telling(error);
    } finally {
      clearTimeout(doubt);
    }
  }

  /** Redis waits for more where it is greeted in TLS and speaks none: the time to find out is while we wait. */
  async #doubt(): Promise<void> {
    if (this.#connected) return;
    const found = await lookAgain(this.#target, this.#timeoutMs / 4, this.#end.signal);
    if (found === undefined || this.usable) return;
    this.#trouble = found;
    this.destroy();
  }

  /** What is behind an error that says little; undefined where it says enough, or nothing is found. */
  async #reason(error: unknown): Promise<unknown> {
    const failure = classifyFailure(error);
    const { cluster, ...rest } = this.#target;
    if (cluster?.[0] && (failure === 'connection' || failure === 'timeout')) {
      this.#inner = new Link({ ...rest, ...cluster[0] }, this.#timeoutMs / 2);
      const reason = await this.#inner.opened.catch((each: unknown) => each);
      this.#inner.destroy();
      return reason;
    }
    if (failure !== 'connection' || !this.#connected) return undefined;
    const found = await lookAgain(this.#target, this.#timeoutMs / 4, this.#end.signal);
    return (
      found ?? new Error('Connection is closed: the server closed it before it answered', { cause: error })
    );
  }

  /** Whether the next command can go out on it. */
  get usable(): boolean {
    return this.client.status === 'ready' && !this.#end.signal.aborted;
  }

  /** What to say when a deadline passes now. */
  late(deadlineMs: number): DeadlineError {
    if (this.#inner) return this.#inner.late(deadlineMs);
    if (this.usable) return new DeadlineError(`no reply within ${deadlineMs} ms`, 'read');
    return new DeadlineError(
      this.#connected ? `no greeting within ${deadlineMs} ms` : `no connection within ${deadlineMs} ms`,
      'connect',
    );
  }

  /** The more telling of a command's error and of what the connection was told. */
  telling(error: unknown): unknown {
    if (classifyFailure(error) !== 'connection') return error;
    const told = this.#trouble ?? error;
    const lostNode = this.#target.cluster && this.#opened && classifyFailure(told) === 'refused';
    return lostNode ? new Error('CLUSTERDOWN the node that keeps the queues is gone', { cause: told }) : told;
  }

  /** Ends it whatever it is doing; what waits for an answer is rejected. */
  destroy(): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#inner?.destroy();
    this.client.disconnect();
  }
}

function openOnce({ commandTimeout: _, ...target }: RedisTarget, timeoutMs: number): RedisClient {
  const options: RedisTarget = {
    ...target,
    replyMapping: 'legacy',
    connectTimeout: timeoutMs,
    // After asking a hung server to close, ioredis waits this long before it closes by itself. Milliseconds.
    disconnectTimeout: 1,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    reconnectOnError: null,
    // It would wait while Redis is loading; the first command tells.
    enableReadyCheck: false,
    enableAutoPipelining: false,
    enableOfflineQueue: false,
    lazyConnect: true,
    retryStrategy: () => null,
  };
  if (!target.cluster) return openRedis(options);
  return openCluster(options, {
    lazyConnect: true,
    enableReadyCheck: false,
    clusterRetryStrategy: () => null,
    maxRedirections: 3,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // Nodes are asked one after the other: one that hangs must leave time for another.
    slotsRefreshTimeout: Math.ceil(timeoutMs / 2),
  });
}
