import { Queue } from 'bullmq';
import type { EngineUnderTest } from '../../src/engines/conformance/index.ts';
import {
  createFailoverBackend,
  type FailoverConnectionOptions,
  failoverOf,
} from '../../src/engines/failover/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';
import { removeTempDir, tempDir } from '../support/temp-dir.ts';
import { watched } from './watched.ts';

/** The failover engine in one state: `primary` on a Redis of its own, `standby` with nobody at the primary's port. */
export class FailoverUnderTest {
  readonly engine: EngineUnderTest;
  readonly #state: 'primary' | 'standby';
  readonly #folder: string;
  #server: RedisServer | undefined;
  #held: Queue | undefined;

  constructor(name: string, state: 'primary' | 'standby') {
    this.#state = state;
    this.#folder = tempDir('conformance');
    const create = (...given: Parameters<typeof createFailoverBackend>) => createFailoverBackend(...given);
    this.engine = { name, factory: watched(create as never), connection: () => this.#connection };
  }

  get #connection(): FailoverConnectionOptions {
    return {
      redis: { host: '127.0.0.1', port: this.#server?.port ?? 0 },
      sqlite: { file: `${this.#folder}/standby.db` },
      // Other tests want the processor too: a healthy Redis that is late once would send a job by way of the file.
      ...(this.#state === 'primary' ? { deadlineMs: 10_000 } : {}),
    };
  }

  async start(): Promise<void> {
    this.#server = await startRedis();
    if (this.#state === 'standby') await this.#server.stop();
    // As in a program that runs, the state is known before a behaviour begins.
    this.#held = new Queue('held', { connection: this.#connection } as never, createFailoverBackend as never);
    const controller = failoverOf(this.#held as never);
    await controller.started;
    const { state } = controller;
    if (state !== this.#state) throw new Error(`the engine is on ${state}, not on ${this.#state}`);
  }

  async stop(): Promise<void> {
    await this.#held?.close();
    await this.#server?.stop();
    removeTempDir(this.#folder);
  }
}
