import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { JobsOptions, WorkerOptions } from 'bullmq';
import type { SqliteConnectionOptions } from '../../src/engines/sqlite/index.ts';
import { type ScriptProcess, type SpawnScriptOptions, spawnScript } from '../faults/index.ts';

/** What a worker of an actor does with a job; see fixtures/actor.ts. */
export type Handler = 'instant' | 'hold' | 'abort' | 'fail';

export type ActorCommand =
  | { do: 'add'; data?: unknown; opts?: JobsOptions }
  | { do: 'fill'; bytes: number }
  | { do: 'counts' | 'release' | 'close' | 'check' | 'count-turns' | 'turns' }
  | { do: 'put-file'; path: string; bytes: number }
  | { do: 'remove-file' | 'use-file'; path: string }
  | { do: 'state'; id: string }
  | { do: 'work'; handler: Handler; options?: Partial<WorkerOptions> }
  | { do: 'block'; until: string }
  | { do: 'shift-clock'; ms: number };

export interface ActorEvent {
  event: 'up' | 'blocked' | 'run' | 'completed' | 'failed' | 'stalled' | 'error' | 'queue-error';
  id?: string;
  attempt?: number;
  reason?: string;
  code?: string;
  message?: string;
}

interface Answer {
  n: number;
  ok?: unknown;
  error?: { code?: string; message?: string };
}

/** A process with a queue and workers on a file; see fixtures/actor.ts. */
export class Actor implements AsyncDisposable {
  readonly script: ScriptProcess;
  #commands = 0;

  constructor(script: ScriptProcess) {
    this.script = script;
  }

  /** Lets it do something; rejects with its error, code and all. */
  async ask<T = unknown>(command: ActorCommand): Promise<T> {
    const n = ++this.#commands;
    this.script.send({ ...command, n });
    const answer = await this.script.message<Answer>(message => message.n === n);
    if (answer.error !== undefined) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer.ok as T;
  }

  /** Something its workers went through, past or future. */
  event(event: ActorEvent['event'], id?: string): Promise<ActorEvent> {
    return this.script.message<ActorEvent>(
      message => message.event === event && (id === undefined || message.id === id),
    );
  }

  /** All of them so far. */
  events(event: ActorEvent['event']): ActorEvent[] {
    return (this.script.messages as ActorEvent[]).filter(message => message.event === event);
  }

  /**
   * SIGSTOP: it is still there, and does nothing. Not in the middle of a transaction on `file`, in which it would hold up
   * everybody for as long as it sleeps: no lock can be taken from the living.
   */
  stopBetweenTransactions(file: string): void {
    const other = new DatabaseSync(file);
    try {
      // While it is ours, it is nobody else's.
      other.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE');
      process.kill(this.script.pid, 'SIGSTOP');
      other.exec('ROLLBACK');
    } finally {
      other.close();
    }
  }

  /** SIGCONT. */
  goOn(): void {
    process.kill(this.script.pid, 'SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.script.kill();
  }
}

export async function startActor(
  connection: SqliteConnectionOptions,
  options: SpawnScriptOptions = {},
): Promise<Actor> {
  const script = await spawnScript(
    join(import.meta.dirname, 'fixtures/actor.ts'),
    [JSON.stringify(connection)],
    options,
  );
  const actor = new Actor(script);
  await actor.event('up');
  return actor;
}
