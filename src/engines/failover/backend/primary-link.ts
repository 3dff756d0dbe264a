import type { IQueueBackend } from 'bullmq';
import type { Controller } from '../controller.ts';
import type { Connection } from '../primary/primary.ts';

/** Answers of a primary that was given up are still taken for so long, in ms. */
const LINGER_MS = 5_000;
/** A connection that is not there after so long is given up for another, in ms: ioredis may have lost sight of it. */
const START_ANEW_MS = 2_000;
/** A connection that is let go notices within so long, in ms. */
const LET_GO_MS = 250;

/**
 * One backend's connection to the primary: opened when it is first needed, thrown away when the primary is given up, opened
 * anew when it is back. New connections owe nothing to what hung on the old ones.
 */
export class PrimaryLink {
  readonly #controller: Controller;
  readonly #connect: () => Connection;
  #connection: Connection | undefined;
  #startedAt = 0;
  #ready = false;
  #closed = false;
  #opening: Promise<IQueueBackend> | undefined;
  #fail: ((error: Error) => void) | undefined;
  readonly #siblings = new Map<string, IQueueBackend>();
  readonly #clientNames = new Set<string>();

  constructor(controller: Controller, connect: () => Connection) {
    this.#controller = controller;
    this.#connect = connect;
  }

  /** Whether its owner has closed it: then calls end in errors that are not the primary's. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** The connected backend, if there is one. */
  get ready(): IQueueBackend | undefined {
    return this.#ready ? this.#connection?.backend : undefined;
  }

  /**
   * Connects, or waits for the connection that is being made, no longer than the deadline.
   * @throws the connection's error; nothing was sent then.
   */
  open(): Promise<IQueueBackend> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<IQueueBackend> {
    // Switched off is not even connected to.
    await this.#controller.preparing;
    if (this.#closed || !this.#controller.usesPrimary) throw new Error('Connection is closed.');
    const { backend } = this.#connection ?? this.#start();
    const { deadlines, primaryMs } = this.#controller;
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => undefined);
    try {
      const ready = backend.waitUntilReady();
      // BullMQ keeps how its connection began: one that has failed is never ready, though its server may be.
      ready.catch(() => this.#dropIf(backend));
      const outcome = await deadlines.bound(Promise.race([ready, failed]), primaryMs);
      if (outcome !== undefined) {
        if (this.#controller.clock.monotonic() - this.#startedAt > START_ANEW_MS) this.#dropIf(backend);
        throw Object.assign(new Error('no connection within the deadline'), { code: 'ETIMEDOUT' });
      }
    } finally {
      this.#fail = undefined;
    }
    if (backend !== this.#connection?.backend) throw new Error('Connection is closed.');
    this.#ready = true;
    for (const name of this.#clientNames) backend.setName(name).catch(() => undefined);
    return backend;
  }

  #start(): Connection {
    const connection = this.#connect();
    this.#connection = connection;
    this.#startedAt = this.#controller.clock.monotonic();
    // One line a change of state is the controller's business; a connection that retries would say the same each time.
    connection.backend.on('error', (error: Error) => this.#fail?.(error));
    return connection;
  }

  /** The same connection, for another queue. */
  sibling(primary: IQueueBackend, queueName: string, prefix: string): IQueueBackend {
    const key = `${prefix}:${queueName}`;
    let sibling = this.#siblings.get(key);
    if (sibling === undefined) {
      sibling = primary.forQueue(queueName, prefix);
      this.#siblings.set(key, sibling);
    }
    return sibling;
  }

  /** Names the connection, this one and those that follow it. */
  async setName(name: string): Promise<void> {
    this.#clientNames.add(name);
    await this.ready?.setName(name).catch(() => undefined);
  }

  #dropIf(backend: IQueueBackend): void {
    if (this.#connection?.backend === backend) this.drop();
  }

  /** Throws the connection away, with whatever hangs on it. */
  drop(): void {
    const old = this.#connection;
    this.#connection = undefined;
    this.#ready = false;
    this.#siblings.clear();
    this.#fail?.(new Error('Connection is closed.'));
    if (old === undefined) return;
    old.letGo();
    this.#controller.own(this.#closeLater(old.backend));
  }

  /** After the answers that may still come. */
  async #closeLater(backend: IQueueBackend): Promise<void> {
    backend.on('error', () => undefined);
    await this.#controller.pause(LINGER_MS);
    // Also when all is closing: what is just connecting must find out that it is not to.
    await new Promise(resolve => setTimeout(resolve, LET_GO_MS));
    await backend.close(true);
  }

  async close(force: boolean): Promise<void> {
    this.#closed = true;
    const old = this.#connection;
    this.#connection = undefined;
    this.#ready = false;
    if (old === undefined) return;
    old.letGo();
    const { deadlines, primaryMs } = this.#controller;
    const closing = old.backend.close(force || !this.#controller.usesPrimary);
    const ended = await deadlines.bound(
      closing.catch(() => undefined),
      primaryMs,
    );
    // A polite goodbye that a hung server doesn't answer.
    if (ended !== undefined) this.#controller.own(old.backend.disconnect());
  }
}
