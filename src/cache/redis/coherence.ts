import type { Redis } from 'ioredis';
import { openRedis, type RedisTarget } from '../../redis/index.ts';

export interface CoherenceOptions {
  target: RedisTarget;
  prefix: string;
  pauses: (times: number) => number;
}

export interface CoherenceEvents {
  /** Someone changed these keys; undefined: all of them (FLUSHALL, FLUSHDB). */
  changed(names: readonly string[] | undefined): void;
  /** Changes are announced from now on; what happened before is not known. */
  live(): void;
  /** They are not announced any more. */
  blind(): void;
}

/** The connection is given up when it was silent for so many beats. */
const BEAT_MS = 1_000;
const MOST_UNANSWERED = 2;

/**
 * The connection that hears of changes. Redis's client-side caching tells of every write to keys with our prefix, foreign
 * ones and FLUSHALL included; the connection redirects it to itself, so that it ends with the connection. Where Redis has no
 * tracking (before 6), and on a cluster, where every node would have to track, our own writes are announced by pub/sub.
 */
export class Coherence {
  readonly #options: CoherenceOptions;
  readonly #events: CoherenceEvents;
  readonly #client: Redis;
  #beat: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<() => void>();
  #live = false;
  #unanswered = 0;
  #closed = false;
  #tracks: boolean;

  constructor(options: CoherenceOptions, events: CoherenceEvents) {
    this.#options = options;
    this.#events = events;
    this.#tracks = options.target.cluster === undefined;
    this.#client = openRedis(subscriberTarget(options));
    this.#client.on('error', () => {});
    this.#client.on('ready', () => void this.#listen());
    this.#client.on('close', () => this.#lost());
    this.#client.on('messageBuffer', (_channel: Buffer, message: unknown) => this.#heard(message));
  }

  open(): void {
    this.#client.connect().catch(() => {});
    this.#beat = setInterval(() => this.#checkBeat(), BEAT_MS).unref();
  }

  get live(): boolean {
    return this.#live;
  }

  /** Where writers have to announce changes: '' where Redis does. */
  get channel(): string {
    return this.#tracks ? '' : `${this.#options.prefix}:changes`;
  }

  /** Resolves when it is live or `ms` have passed. */
  ready(ms: number): Promise<void> {
    if (this.#live || this.#closed) return Promise.resolve();
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  async #listen(): Promise<void> {
    try {
      if (this.#tracks) this.#tracks = await this.#track();
      await this.#client.subscribe(this.#tracks ? '__redis__:invalidate' : this.channel);
    } catch {
      // Lost again, or not allowed: tried anew with the next connection.
      if (!this.#closed) this.#client.disconnect(true);
      return;
    }
    this.#live = true;
    this.#unanswered = 0;
    for (const done of [...this.#waiting]) done();
    this.#events.live();
  }

  /** False where this Redis has no tracking. */
  async #track(): Promise<boolean> {
    const id = String(await this.#client.client('ID'));
    try {
      const prefix = `${this.#options.prefix}:`;
      await this.#client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', prefix);
      return true;
    } catch (error) {
      if (this.#client.status !== 'ready') throw error;
      return false;
    }
  }

  #heard(message: unknown): void {
    if (message === null) this.#events.changed(undefined);
    else if (Array.isArray(message)) this.#events.changed(message.map(String));
    else this.#events.changed([String(message)]);
  }

  #lost(): void {
    const wasLive = this.#live;
    this.#live = false;
    if (wasLive && !this.#closed) this.#events.blind();
  }

  /** A connection that nothing comes through looks like one on which nothing happens. */
  #checkBeat(): void {
    const connected = this.#client.status === 'ready' || this.#client.status === 'connect';
    if (connected && this.#unanswered >= MOST_UNANSWERED) {
      this.#unanswered = 0;
      this.#lost();
      this.#client.disconnect(true);
      return;
    }
    this.#unanswered++;
    if (!this.#live) return;
    this.#client.ping().then(
      () => {
        this.#unanswered = 0;
      },
      () => {},
    );
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#beat);
    for (const done of [...this.#waiting]) done();
    this.#client.disconnect();
  }
}

/** Of a cluster any node will do: what is published on one is heard on all. */
function subscriberTarget({ target, pauses }: CoherenceOptions): RedisTarget & { cluster?: never } {
  const { cluster, ...single } = target;
  return {
    ...single,
    ...(cluster?.[0] ?? {}),
    protocol: 2,
    lazyConnect: true,
    connectTimeout: 2_000,
    retryStrategy: pauses,
    sentinelRetryStrategy: pauses,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    disconnectTimeout: 1,
    autoResubscribe: false,
  } as RedisTarget & { cluster?: never };
}
