import { createHash } from 'node:crypto';
import {
  type ConnectionOptions,
  createRedisBackend,
  type QueueBaseOptions,
  type RedisQueueBackend,
} from 'bullmq';
import type { RedisOptions } from 'ioredis';
import {
  createTargetBackend,
  describeRedisTarget,
  gatherWrites,
  openRedis,
  type RedisTarget,
  retryStrategy,
} from '../../../redis/index.ts';
import type { Clock } from '../../../shared/clock.ts';
import type { BackendOptions, Role } from '../backend/core.ts';
import type { Connection, Maintenance, Primary } from './primary.ts';
import { RedisMaintenance } from './redis-maintenance.ts';

/**
 * Connections of ours answer at once or not at all: nothing waits in a queue for a server that is away, nothing is sent
 * twice. What a call then means is the failover engine's to decide.
 */
const IMPATIENT = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // A hung server never answers that we want to close: after so long the socket goes without its consent. Milliseconds.
  disconnectTimeout: 1,
} as const satisfies RedisOptions;

/** First pause before connecting again, doubled each time up to 2 s; in ms. */
const RETRY_MS = 100;

/** Redis, Valkey, Sentinel or Cluster, through BullMQ's own backend. */
export class RedisPrimary implements Primary {
  readonly target: string;
  readonly identity: string;
  readonly failsOver: boolean;
  readonly #redis: RedisTarget;
  readonly #prefix: string;
  readonly #random: () => number;

  constructor(redis: RedisTarget, prefix: string, random: () => number) {
    this.#random = random;
    this.#redis = redis;
    this.#prefix = prefix;
    this.target = describeRedisTarget(redis);
    this.failsOver = redis.cluster !== undefined || redis.sentinels !== undefined;
    const { username = '', password = '' } = redis;
    const secret = createHash('sha256').update(`${username}:${password}`).digest('hex').slice(0, 16);
    this.identity = `redis ${this.target} ${prefix} ${secret}`;
  }

  connect(queueName: string, options: BackendOptions, role: Role): Connection {
    let over = false;
    const pause = retryStrategy({ maxRetries: 0, retryDelayMs: RETRY_MS }, this.#random);
    const connection: RedisTarget = {
      ...this.#redis,
      ...IMPATIENT,
      connectTimeout: 5_000,
      // ioredis lets what waits for an answer go only when it gives up connecting, not when it is told to.
      retryStrategy: times => (over ? null : pause(times)),
    };
    // With its look at the version: without, BullMQ takes Redis for an old one and rounds waits up to whole seconds.
    const backend = createTargetBackend(queueName, { ...options, connection }, role);
    backend.client.then(gatherWrites, () => undefined);
    // BullMQ has connections that wait keep what was interrupted, to send it again: not sent again, it would never settle.
    eachClient(backend, client => {
      client.options.maxRetriesPerRequest = 0;
    });
    return {
      backend,
      letGo() {
        over = true;
        // BullMQ stops listening when it closes; ioredis prints what nobody listens to.
        eachClient(backend, client => client.on('error', () => undefined));
        // What waits there is given up: for jobs, it would take the wake-up of those that come after; for events, they are read
        // again, and the listener would be listed twice.
        // Told to close, because of a cluster's connection that only ends BullMQ makes another; at once, before who closes
        // the backend asks it to end politely, behind the wait.
        const waits = role.blocking ? backend.connection : backend.blockingConnection;
        if (waits?.status === 'ready') waits.close(true).catch(() => undefined);
        else waits?.client.then(() => waits.close(true)).catch(() => undefined);
      },
    };
  }

  openMaintenance(deadlineMs: number, clock: Clock, id: string): Maintenance {
    const connectBackend = (client: unknown, maxDataPoints: number) =>
      createRedisBackend('spillway', {
        connection: client as ConnectionOptions,
        prefix: this.#prefix,
        metrics: { maxDataPoints },
        skipVersionCheck: true,
        skipWaitingForReady: true,
      } as QueueBaseOptions) as RedisQueueBackend;
    return new RedisMaintenance({
      redis: this.#redis,
      prefix: this.#prefix,
      deadlineMs,
      clock,
      id,
      openClient: () =>
        openRedis({
          ...this.#redis,
          ...IMPATIENT,
          lazyConnect: true,
          connectTimeout: deadlineMs,
          retryStrategy: () => null,
        }),
      connectBackend,
    });
  }
}

/** Once they are open; BullMQ's wrapper lets the options of ioredis through. */
function eachClient(
  { client, blockingClient }: RedisQueueBackend,
  act: (client: { options: RedisOptions; on(event: 'error', listener: () => void): unknown }) => void,
): void {
  for (const each of [client, blockingClient])
    each?.then(
      open => act(open as never),
      () => undefined,
    );
}
