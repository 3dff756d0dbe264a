import { EventEmitter } from 'node:events';
import type { Config } from '../config/index.ts';
import {
  type FailoverConnectionOptions,
  type FailoverController,
  type FailoverEvents,
  type FailoverStatus,
  type InlineHandler,
  type OpenFailover,
  openFailover,
} from '../engines/failover/index.ts';
import { remedyOf } from '../redis/index.ts';
import { systemClock } from '../shared/clock.ts';
import { SpillwayError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { maskSecrets, scrubError } from '../shared/secrets.ts';
import { FailoverLog } from './failover-log.ts';

/** The failover engine of a Spillway: how it is doing, and what happens to it. */
export interface Failover extends Pick<EventEmitter<FailoverEvents>, 'on' | 'once' | 'off'> {
  /** Opens the engine if no queue has yet. Throws as opening a queue does. */
  status(): FailoverStatus;
}

const events = [
  ...(['state', 'rung', 'standby', 'unknown', 'duplicate', 'loss'] as const),
  ...(['drain', 'room', 'undeliverable', 'trouble'] as const),
] satisfies (keyof FailoverEvents)[];

/**
 * Opens the failover engine when it is first needed and holds it until the Spillway closes, so that queues may come and
 * go; tells the log and the program what happens to it.
 */
export class FailoverRuntime extends EventEmitter<FailoverEvents> implements Failover {
  /** What every Queue and Worker is given. */
  readonly connection: FailoverConnectionOptions;
  readonly #prefix: string;
  readonly #secrets: readonly string[];
  readonly #logger: Logger;
  readonly #inline: Record<string, InlineHandler> = {};
  #open: { engine: OpenFailover; log: FailoverLog } | undefined;
  #closed = false;

  constructor(connection: FailoverConnectionOptions, { prefix, secrets }: Config, logger: Logger) {
    super();
    this.connection = { ...connection, inline: this.#inline };
    this.#prefix = prefix;
    this.#secrets = secrets;
    this.#logger = logger;
  }

  /** What may run inside `add` of this queue when nothing can keep the job. */
  allowInline(queue: string, handler: InlineHandler): void {
    this.#inline[queue] = handler;
  }

  open(): FailoverController {
    if (this.#closed) throw new SpillwayError('SPILLWAY_CLOSED', 'This Spillway is closed');
    if (this.#open === undefined) {
      const engine = openFailover(this.connection, this.#prefix);
      this.#open = { engine, log: this.#startLog(engine.controller) };
      for (const event of events) this.#passOn(engine.controller, event);
    }
    return this.#open.engine.controller;
  }

  #startLog(controller: FailoverController): FailoverLog {
    const remedy = this.connection.redis === undefined ? () => undefined : remedyOf;
    return new FailoverLog(this.#logger, controller, systemClock, remedy);
  }

  /** A listener of the program that throws must not stop the engine in the middle of a change. */
  #passOn<Name extends keyof FailoverEvents>(controller: FailoverController, event: Name): void {
    const pass = (what: unknown) => {
      try {
        this.emit(event, ...([this.#masked(what)] as never));
      } catch (error) {
        this.#logger.error({ err: error, event }, `A listener of the failover event ${event} failed`);
      }
    };
    controller.on(event, pass as never);
  }

  #masked(what: unknown): unknown {
    if (!(what instanceof Error)) return maskSecrets(what, this.#secrets);
    scrubError(what, this.#secrets);
    return what;
  }

  status(): FailoverStatus {
    return maskSecrets(this.open().status(), this.#secrets) as FailoverStatus;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open?.log.close();
    await this.#open?.engine.close();
  }
}
