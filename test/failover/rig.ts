import { join } from 'node:path';
import {
  type BackendFactory,
  type ConnectionOptions,
  FlowProducer,
  type IQueueBackend,
  type Processor,
  Queue,
  QueueEvents,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { Redis } from 'ioredis';
import {
  createFailoverBackend,
  type FailoverConnectionOptions,
  type FailoverController,
  type FailoverEvents,
  failoverOf,
} from '../../src/engines/failover/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';

/** How long a test waits for what must come, in ms. */
const PATIENCE_MS = 20_000;

/**
 * For tests in which no Redis hangs: what goes to the standby goes there because of the fault, and not because the machine
 * is busy.
 */
export const PATIENT = { deadlineMs: 10_000 } as const;

type Given = Partial<FailoverConnectionOptions>;
type Told = { [Name in keyof FailoverEvents]: FailoverEvents[Name][0][] };

/** A real Redis, a standby file, and what is opened on the two; all of it is closed with `await using`. */
export class Rig implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly file: string;
  readonly connection: FailoverConnectionOptions;
  /** What the engine told so far. */
  readonly told: Told = {
    state: [],
    rung: [],
    standby: [],
    unknown: [],
    duplicate: [],
    loss: [],
    drain: [],
    room: [],
    undeliverable: [],
    trouble: [],
  };
  /** Errors emitted by BullMQ's objects. */
  readonly errors: Error[] = [];
  readonly #opened: { close(): Promise<unknown> }[] = [];
  readonly #others: { close(): Promise<unknown> }[] = [];
  #engine: FailoverController | undefined;

  private constructor(redis: RedisServer, file: string, given: Given) {
    this.redis = redis;
    this.file = file;
    this.connection = { redis: redis.url, sqlite: { file }, ...given };
  }

  static async start(given: Given = {}, args: string[] = []): Promise<Rig> {
    return new Rig(await startRedis({ args }), join(tempDir('failover'), 'standby.db'), given);
  }

  /** Another program on homes that are there; whoever made them ends them. */
  static on(redis: RedisServer, connection: FailoverConnectionOptions): Rig {
    return new Rig(redis, connection.sqlite.file, connection);
  }

  get engine(): FailoverController {
    if (this.#engine === undefined) throw new Error('open a queue first');
    return this.#engine;
  }

  get #base(): { connection: ConnectionOptions; factory: BackendFactory<IQueueBackend, ConnectionOptions> } {
    return {
      connection: this.connection as unknown as ConnectionOptions,
      factory: createFailoverBackend as unknown as BackendFactory<IQueueBackend, ConnectionOptions>,
    };
  }

  queue(name = 'q') {
    const { connection, factory } = this.#base;
    return this.#keep(new Queue(name, { connection }, factory));
  }

  worker(processor: Processor | null, options: Partial<WorkerOptions> = {}, name = 'q') {
    const { connection, factory } = this.#base;
    return this.#keep(new Worker(name, processor, { connection, ...options }, factory));
  }

  flow() {
    const { connection, factory } = this.#base;
    return this.#keep(new FlowProducer({ connection }, factory));
  }

  async events(name = 'q') {
    const { connection, factory } = this.#base;
    const events = this.#keep(new QueueEvents(name, { connection }, factory));
    await events.waitUntilReady();
    return events;
  }

  #keep<
    T extends {
      close(): Promise<unknown>;
      on(event: 'error', listener: (error: Error) => void): unknown;
      getBackend?(): unknown;
    },
  >(it: T): T {
    it.on('error', error => this.errors.push(error));
    this.#opened.push(it);
    if (this.#engine === undefined && it.getBackend !== undefined) {
      const engine = failoverOf(it as unknown as { getBackend(): unknown });
      this.#engine = engine;
      for (const name of Object.keys(this.told) as (keyof Told)[]) {
        engine.on(name, (value: unknown) => (this.told[name] as unknown[]).push(value));
      }
    }
    return it;
  }

  /** As another machine does, past the engine. */
  async onRedis<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.port);
    try {
      return await call(redis);
    } finally {
      await redis.quit();
    }
  }

  /** Of somebody else than the program under test; closed at the end of the test. */
  own(it: { close(): Promise<unknown> }): void {
    this.#others.push(it);
  }

  /** As another program on the same homes would: what is opened from now on has an engine of its own. */
  again(): this {
    this.#engine = undefined;
    return this;
  }

  /** Resolves when the engine is in this state. */
  async reaches(state: FailoverController['state']): Promise<void> {
    await until(
      () => this.engine.state === state,
      `the state ${state}`,
      () => this.engine.status(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A paused server would not even end.
    this.redis.resume();
    await this.closeAll();
    for (const it of this.#others) await it.close();
    await this.redis.stop();
  }

  /** As a program that ends. */
  async closeAll(): Promise<void> {
    for (const it of this.#opened.splice(0).reverse()) await it.close();
  }
}

/** Waits for what must come. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  state: () => unknown = () => '',
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) {
      throw new Error(`waited ${PATIENCE_MS} ms for ${what}; ${JSON.stringify(state())}`);
    }
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

/** Counts what ran, and how often. */
export class Runs {
  readonly #names: string[] = [];

  add(name: string): void {
    this.#names.push(name);
  }

  get count(): number {
    return this.#names.length;
  }

  get distinct(): number {
    return new Set(this.#names).size;
  }

  get inOrder(): readonly string[] {
    return this.#names;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }
}
