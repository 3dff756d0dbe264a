import type { OperationKind } from '../operation.ts';
import type { Session } from '../session.ts';
import type { Store } from '../store.ts';
import { machineNow, timers } from '../time.ts';

/** Losing a record in a power loss costs nothing: the process it names is gone too. */
const NOTE: OperationKind = { access: 'write', keepsJobs: true };
/** How often a worker or reader shows that it lives, and after how long without a sign it counts as gone. */
const HEARTBEAT_MS = 20_000;
const EXPIRY_MS = 3 * HEARTBEAT_MS;

/**
 * The record of one worker or event reader in the file, for `getWorkers` and `getQueueEvents` in any process: what
 * the name of a connection is to Redis' CLIENT LIST.
 */
export class ClientRecord {
  readonly #store: Store;
  readonly #id: string;
  #name: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Resolves when the record is in the file (it never rejects: a record is not worth failing for). */
  registered: Promise<void> = Promise.resolve();

  constructor(store: Store, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** Sets the name under which it is found. */
  name(name: string): Promise<void> {
    this.#name = name;
    this.registered = this.#write();
    this.#timer ??= this.#nextBeat();
    return this.registered;
  }

  async end(): Promise<void> {
    timers.clearTimeout(this.#timer);
    if (this.#name === undefined) return;
    this.#name = undefined;
    await this.#store.run(NOTE, session => session.queues.dropClient(this.#id)).catch(() => undefined);
  }

  #nextBeat(): NodeJS.Timeout {
    return timers
      .setTimeout(() => {
        if (this.#name === undefined) return;
        void this.#write();
        this.#timer = this.#nextBeat();
      }, HEARTBEAT_MS)
      .unref();
  }

  async #write(): Promise<void> {
    const name = this.#name;
    if (name === undefined) return;
    const now = machineNow();
    await this.#store
      .run(NOTE, session => {
        session.queues.setClient(this.#id, name, process.pid, now);
        session.queues.expireClients(now - EXPIRY_MS);
      })
      .catch(() => undefined);
  }
}

/** All live clients of the file, a line each, as CLIENT LIST writes them. */
export function listClients(session: Session): string {
  const now = machineNow();
  return session.queues
    .clients()
    .filter(([, , pid, , seen]) => Number(seen) > now - EXPIRY_MS && isAlive(Number(pid)))
    .map(([id, name, pid, since, seen]) => {
      const age = Math.round((now - Number(since)) / 1000);
      const idle = Math.round((now - Number(seen)) / 1000);
      return `id=${id} addr=pid:${pid} name=${String(name).replace(/\s/g, encodeURIComponent)} age=${age} idle=${idle}`;
    })
    .join('\n');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
