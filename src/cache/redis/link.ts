import {
  classifyFailure,
  DeadlineError,
  gatherWrites,
  openRedis,
  type RedisClient,
  type RedisTarget,
} from '../../redis/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { Deadlines } from '../deadlines.ts';
import type { RedisState } from '../stats.ts';
import { Coherence } from './coherence.ts';
import { acquireGate, type Gate } from './gate.ts';
import { defineScripts, type Scripted } from './scripts.ts';
import { RedisTime } from './time.ts';

/** A client with the scripts. */
export type LinkClient = RedisClient & Scripted;

export interface LinkOptions {
  target: RedisTarget;
  prefix: string;
  timeoutMs: number;
  clock: Clock;
  random: () => number;
}

export interface RunOptions {
  /** Less than the usual deadline, for what was begun before. */
  waitMs?: number;
  /** How many reads wait for it. */
  reads?: number;
}

/** What the cache does with the link's news. */
export interface LinkEvents {
  /** Redis showed this time, in microseconds, when the monotonic clock showed `at`. */
  time(microseconds: number, at: number): void;
  /** Redis answers again: bring it up to date before anything is read from it. A rejection means: not yet. */
  returning(): Promise<void>;
  state(state: RedisState, reason: string): void;
  /** Someone changed these keys; undefined: any. */
  changed(names: readonly string[] | undefined): void;
  /** From now on nothing tells of changes. */
  blind(): void;
  /** Changes are told of again; what happened meanwhile is not known. */
  sighted(): void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** So many probes in a row without an answer: the connection itself may be dead. */
const PROBES_BEFORE_RECONNECT = 3;

const TIME_EVERY_MS = 10_000;

/** Errors that say that this Redis answers nobody, not that it dislikes a command. */
const AWAY = new Set([
  'loading',
  'masterdown',
  'clusterdown',
  'busy',
  'noauth',
  'wrongpass',
  'maxclients',
  'moved',
]);

/**
 * The cache's own connections to a Redis, and whether to use them. Every operation has the same deadline; what was not
 * answered in time goes on by itself, and its outcome is unknown.
 */
export class RedisLink {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #client: LinkClient;
  readonly #coherence: Coherence;
  readonly #deadlines: Deadlines;
  readonly #gate: Gate;
  readonly #time: RedisTime;
  readonly #releaseGate: () => void;
  #state: RedisState = 'connecting';
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #timeTimer: NodeJS.Timeout | undefined;
  #probing = false;
  #closed = false;
  readonly #waiting = new Set<() => void>();
  #bootUntil = 0;
  /** Until then a Redis that was not reached yet is not missed: a program that starts is busy, and so may the network be. */
  #connectUntil = 0;
  /** When an answer last came in time. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  #opened = false;

  constructor(options: LinkOptions, events: LinkEvents) {
    const { target, clock, timeoutMs } = options;
    this.#options = options;
    this.#events = events;
    this.#deadlines = new Deadlines(timeoutMs, clock);
    this.#time = new RedisTime(
      () => this.run(async client => (await client.time()) as [number, number]),
      clock,
      events.time,
    );
    const { gate, release } = acquireGate(target, () => {
      // Of one that was not reached yet nothing can be missed: that its connect time is over says so.
      if (this.#state !== 'connecting') this.#down(`no answer within ${timeoutMs} ms, 3 times`);
    });
    this.#gate = gate;
    this.#releaseGate = release;
    const pauses = (times: number) => this.#pause(times);
    const client = openRedis({
      ...target,
      protocol: 2,
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: pauses,
      sentinelRetryStrategy: pauses,
      // A command that can't be sent now fails now, and none is sent twice.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      // A server that hangs, or is gone, never agrees to an end: after so long the socket goes without. Milliseconds.
      disconnectTimeout: 1,
    } as RedisTarget);
    gatherWrites(client);
    this.#client = defineScripts(client);
    let fault: unknown;
    client.on('error', error => {
      fault = error;
    });
    client.on('ready', () => this.#probeNow());
    client.on('close', () =>
      this.#down(this.#state === 'connecting' ? unreachable(fault) : 'the connection is lost'),
    );
    this.#coherence = new Coherence(
      { ...options, pauses },
      {
        changed: names => events.changed(names),
        // What was missed meanwhile is as good as changed.
        live: () => {
          if (this.#state === 'up') events.sighted();
        },
        blind: () => {
          if (this.#state === 'up') events.blind();
        },
      },
    );
  }

  /** Connects, behind the scenes. */
  open(): void {
    if (this.#opened || this.#closed) return;
    this.#opened = true;
    const now = this.#options.clock.monotonic();
    this.#bootUntil = now + this.#options.timeoutMs;
    this.#connectUntil = now + CONNECT_TIMEOUT_MS;
    this.#client.connect().catch(() => {});
    this.#coherence.open();
    this.#probeLater();
    this.#timeTimer = setInterval(() => {
      if (this.usable) this.#time.check().catch(() => {});
    }, TIME_EVERY_MS).unref();
  }

  get state(): RedisState {
    return this.#state;
  }

  get usable(): boolean {
    return this.#state === 'up';
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  get onCluster(): boolean {
    return this.#options.target.cluster !== undefined;
  }

  /** Where changes are to be announced: '' where Redis announces them itself. */
  get channel(): string {
    return this.#coherence.channel;
  }

  /** At the start a read waits for the first connection, no longer than for an answer. */
  async booted(): Promise<void> {
    const rest = this.#bootUntil - this.#options.clock.monotonic();
    if (this.#state === 'connecting' && rest > 0) await this.#wait(rest, () => this.#state !== 'connecting');
  }

  /**
   * The outcome of `work`; rejects with DeadlineError when it took too long. Only while `usable`; `returning` may use it
   * before.
   */
  run<T>(
    work: (client: LinkClient) => Promise<T>,
    { waitMs = this.timeoutMs, reads = 1 }: RunOptions = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#options;
      const began = clock.monotonic();
      let late = false;
      const expire = () => {
        late = true;
        // While others are answered in time, Redis is well: there was too much at once.
        if (this.#answeredAt < began) this.#gate.failed(reads);
        reject(new DeadlineError(`Redis did not answer within ${this.timeoutMs} ms`, 'read'));
      };
      const met = this.#deadlines.set(expire, Math.min(waitMs, this.timeoutMs));
      work(this.#client).then(
        value => {
          met();
          if (!late) {
            this.#answeredAt = clock.monotonic();
            this.#gate.answered();
          }
          resolve(value);
        },
        (error: unknown) => {
          met();
          if (AWAY.has(classifyFailure(error))) this.#gate.failed(reads);
          reject(error);
        },
      );
    });
  }

  /** Resolves when Redis can be used or `ms` have passed. */
  async ready(ms: number): Promise<boolean> {
    if (!this.usable) await this.#wait(ms, () => this.usable);
    return this.usable;
  }

  /** Until `holds` at a change of state, or `ms` have passed. */
  #wait(ms: number, holds: () => boolean): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise(resolve => {
      const look = () => {
        if (!holds() && !this.#closed) return;
        done();
      };
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(look);
    });
  }

  #down(reason: string): void {
    if (this.#closed || this.#state === 'down') return;
    this.#state = 'down';
    this.#failures = 0;
    this.#events.state('down', reason);
    this.#tellWaiting();
    this.#probeLater();
  }

  #pause(times: number): number {
    const whole = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(times - 1, 10), LONGEST_PAUSE_MS);
    return Math.round(whole * (1 - this.#options.random() / 2));
  }

  #probeLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#probeNow(), this.#pause(++this.#failures)).unref();
  }

  #probeNow(): void {
    if (this.#probing || this.#closed || this.usable) return;
    clearTimeout(this.#timer);
    this.#probing = true;
    this.#return().then(
      () => {
        this.#probing = false;
        this.#up();
      },
      (error: unknown) => {
        this.#probing = false;
        if (this.#state === 'connecting') this.#stillConnecting(error);
        const hung = this.#client.status === 'ready' || this.#client.status === 'connect';
        const missed = hung && this.#state === 'down';
        if (missed && this.#failures % PROBES_BEFORE_RECONNECT === 0 && !this.#closed)
          this.#client.disconnect(true);
        this.#probeLater();
      },
    );
  }

  /** Whether it is to be missed at last. */
  #stillConnecting(error: unknown): void {
    const refuses = this.#client.status === 'ready' && AWAY.has(classifyFailure(error));
    if (refuses) this.#down(unreachable(error));
    else if (this.#options.clock.monotonic() >= this.#connectUntil)
      this.#down(`no answer within ${CONNECT_TIMEOUT_MS} ms`);
  }

  /** All that must be done before a Redis is used (again). */
  async #return(): Promise<void> {
    await this.#time.learn();
    await this.#coherence.ready(this.#deadlines.ms * 2);
    await this.#events.returning();
  }

  #up(): void {
    if (this.#closed || this.#client.status !== 'ready') {
      this.#probeLater();
      return;
    }
    this.#state = 'up';
    this.#failures = 0;
    this.#gate.answered();
    this.#events.changed(undefined);
    if (!this.#coherence.live) this.#events.blind();
    this.#events.state('up', 'it answers');
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    for (const look of [...this.#waiting]) look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#timeTimer);
    this.#releaseGate();
    this.#coherence.close();
    this.#deadlines.close();
    this.#tellWaiting();
    this.#client.disconnect();
  }
}

function unreachable(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const why = [message, code].find(each => typeof each === 'string' && each !== '');
  return why === undefined ? 'it cannot be reached' : `it cannot be reached: ${why}`;
}
