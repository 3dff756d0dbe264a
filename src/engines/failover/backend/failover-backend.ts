import { ConnectionClosedError, type IQueueBackend, type RedisClient, type StreamReadRaw } from 'bullmq';
import { LATE } from '../deadline.ts';
import type { ControllerShare } from '../registry.ts';
import type { BackendOptions, Parts, Role } from './core.ts';
import { EventsReader } from './events-reader.ts';
import { ReadingBackend } from './reading.ts';

type Marker = { member: string; score: number } | null;

/** Look at once. */
const NOW: Marker = { member: '0', score: 0 };
/** A wait on the primary that ends so much later than it was to, in ms, is taken for one that never ends. */
const OVERDUE_MS = 2_000;
/** Pause before a wait that failed on the primary is tried again, in ms. */
const AGAIN_MS = 100;

/**
 * BullMQ's IQueueBackend of two others: a primary (Redis, PostgreSQL) and the embedded standby. What each operation does while
 * the primary is away is said where it is written; who is in charge decides the controller, one for all backends of
 * the process on the same primary.
 */
export class FailoverQueueBackend extends ReadingBackend implements IQueueBackend {
  /** Largest block timeout in seconds: Redis' own. */
  readonly maximumBlockTimeout = 10;
  readonly minimumBlockTimeout = 0.001;
  closing: Promise<void> | undefined;
  readonly #share: ControllerShare | undefined;
  readonly #detach: () => void;
  readonly #events: EventsReader;
  readonly #onTrouble = (error: Error) => this.emit('error', error);
  #blockingDisconnected = false;
  #disconnected = false;
  #tellClosed: () => void = () => undefined;
  readonly #closed = new Promise<null>(resolve => {
    this.#tellClosed = () => resolve(null);
  });
  #interrupt: (() => void) | undefined;
  #primaryWait: { backend: IQueueBackend; ms: number; answer: Promise<Marker> } | undefined;

  constructor(
    parts: Parts,
    queueName: string,
    options: BackendOptions,
    share: ControllerShare | undefined,
    role: Role,
  ) {
    super(parts, queueName, options);
    this.#share = share;
    const { lastEventId = '$' } = options;
    const listensFromNow = role.blocking === true && lastEventId === '$';
    this.#events = new EventsReader(this.controller, this.standby, parts.link, listensFromNow);
    this.#detach = parts.owner
      ? this.controller.attached.add({
          queue: this.qualifiedName,
          primaryLost: () => parts.link.drop(),
          primaryBack: () => this.#connect(),
          primaryAnswers: () => this.#events.settleStart(),
        })
      : () => undefined;
    if (!parts.owner) return;
    this.standby.on('error', this.#onTrouble);
    this.standby.once('ready', () => this.emit('ready'));
    // As BullMQ's own, it connects at once: whoever lists the workers finds them before they have asked for a job.
    if (this.usesPrimary) this.#connect();
  }

  #connect(): void {
    if (this.closing === undefined) this.parts.link.open().catch(() => undefined);
  }

  /** The primary's own Redis client, as `Queue.client` gives it. @throws SPILLWAY_PRIMARY_AWAY while it is away. */
  get client(): Promise<RedisClient> {
    return this.onlyPrimary(
      'The Redis client',
      primary => (primary as unknown as { client: Promise<RedisClient> }).client,
    );
  }

  /** Resolves when jobs can be taken: the standby is open, and so is the primary unless it is known not to answer. */
  async waitUntilReady(): Promise<void> {
    await this.standby.waitUntilReady();
    if (!this.usesPrimary) return;
    // What is wrong with it the first probe finds.
    await this.parts.link.open().catch(() => this.controller.started);
    await this.#events.waitUntilReady();
  }

  close(force = false): Promise<void> {
    if (!this.parts.owner) return Promise.resolve();
    this.closing ??= this.#close(force);
    return this.closing;
  }

  async #close(force: boolean): Promise<void> {
    this.#interrupt?.();
    this.#events.close();
    this.#detach();
    await this.parts.link.close(force);
    this.standby.off('error', this.#onTrouble);
    await this.standby.close(force);
    await this.#share?.release();
    this.#tellClosed();
  }

  /** Ends what waits, for good; single calls connect again. */
  async disconnect(): Promise<void> {
    if (!this.parts.owner || this.#disconnected) return;
    this.#disconnected = true;
    this.#interrupt?.();
    this.parts.link.drop();
    await this.standby.disconnectBlocking();
    this.emit('close');
  }

  async setName(name: string): Promise<void> {
    await Promise.all([this.standby.setName(name), this.parts.link.setName(name)]);
  }

  forQueue(queueName: string, prefix?: string): FailoverQueueBackend {
    const options = { ...this.options, prefix: prefix ?? this.prefix };
    const standby = this.standby.forQueue(queueName, options.prefix);
    const parts = { ...this.parts, standby, owner: false };
    return new FailoverQueueBackend(parts, queueName, options, undefined, {});
  }

  /**
   * Waits until either home has a job, `blockTimeout` seconds have passed or the primary comes or goes. A wait on a dead
   * connection is left alone, never waited for.
   */
  async waitForJob(blockTimeout: number): Promise<Marker> {
    if (this.#blockingDisconnected || this.closing !== undefined) return null;
    if (this.#disconnected) throw new ConnectionClosedError();
    let over = false;
    let forget = () => {};
    let timer: NodeJS.Timeout | undefined;
    const first = new Promise<Marker>((resolve, reject) => {
      forget = this.controller.onChange(() => resolve(NOW));
      this.#interrupt = () => resolve(null);
      const sides = [];
      if (this.controller.standbyWatch.trouble === undefined)
        sides.push(this.standby.waitForJob(blockTimeout));
      // A standby that is out may show jobs that nobody can claim; that it is back is a change.
      else timer = setTimeout(() => resolve(null), 1000 * blockTimeout);
      if (this.controller.mayClaim) sides.push(this.#waitOnPrimary(blockTimeout, () => over));
      let without = 0;
      for (const side of sides) {
        side.then(found => {
          if (found !== null || ++without === sides.length) resolve(found);
        }, reject);
      }
    });
    try {
      return await first;
    } finally {
      over = true;
      forget();
      clearTimeout(timer);
      this.#interrupt = undefined;
      // The standby's wait ends with this; the primary's goes on and is taken up by the next one.
      await this.standby.disconnectBlocking();
      await this.standby.reconnectBlocking();
    }
  }

  /** A wait of an earlier call ends early: then another begins. */
  async #waitOnPrimary(blockTimeout: number, isOver: () => boolean): Promise<Marker> {
    const { link } = this.parts;
    while (!isOver()) {
      try {
        const backend = link.ready ?? (await link.open());
        const isOwn = this.#primaryWait?.backend !== backend;
        if (isOwn) {
          const atMost = Math.min(blockTimeout, backend.maximumBlockTimeout ?? blockTimeout);
          this.#primaryWait = { backend, ms: 1000 * atMost, answer: backend.waitForJob(atMost) };
        }
        const wait = this.#primaryWait!;
        const found = await this.controller.deadlines.bound(wait.answer, wait.ms + OVERDUE_MS);
        if (found === LATE) {
          // Its connection is not what it was; the next call opens another.
          if (this.#primaryWait === wait) this.#primaryWait = undefined;
          if (link.ready === wait.backend) link.drop();
          return null;
        }
        // What wakes a call that is over is for the next one: it is told once.
        if (found !== null && isOver()) return null;
        if (this.#primaryWait === wait) this.#primaryWait = undefined;
        if (found !== null || isOwn) return found;
      } catch (error) {
        this.#primaryWait = undefined;
        if (isOver()) break;
        this.controller.connectionFailed(error);
        await this.controller.pause(AGAIN_MS);
      }
    }
    return null;
  }

  async disconnectBlocking(wait?: boolean): Promise<void> {
    this.#blockingDisconnected = true;
    this.#interrupt?.();
    await this.standby.disconnectBlocking(wait);
    const primary = this.parts.link.ready;
    if (primary === undefined || !this.usesPrimary) return;
    this.#primaryWait = undefined;
    await this.#briefly(primary.disconnectBlocking(wait));
  }

  async reconnectBlocking(): Promise<void> {
    this.#blockingDisconnected = false;
    await this.standby.reconnectBlocking();
    const primary = this.parts.link.ready;
    if (primary !== undefined && this.usesPrimary) await this.#briefly(primary.reconnectBlocking());
  }

  async #briefly(work: Promise<void>): Promise<void> {
    const { deadlines, primaryMs } = this.controller;
    await deadlines.bound(
      work.catch(error => this.controller.connectionFailed(error)),
      primaryMs,
    );
  }

  async readEvents(id: string, blockTimeout: number): Promise<StreamReadRaw> {
    if (this.closing !== undefined) return null;
    // QueueEvents asks again at once after any answer, for ever, and after an error in five seconds, even when closed.
    if (this.#disconnected) return this.#closed;
    return this.#events.read(id, blockTimeout);
  }
}
