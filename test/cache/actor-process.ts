import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type ScriptProcess, spawnScript } from '../faults/index.ts';

export interface ActorOptions {
  redis: string;
  journal: string;
  /** The database of record. */
  truth: string;
  ttlMs: number;
}

export type Row = { value: number } | null;

export type ActorCommand =
  | { op: 'ready'; ms: number }
  | { op: 'get'; key: string }
  | { op: 'write'; key: string; value: number | null; by: 'set' | 'delete' | 'tag' }
  | { op: 'stats' }
  | { op: 'close' };

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

/** A cache in a process of its own. Declare it with `await using`. */
export class Actor implements AsyncDisposable {
  readonly #process: ScriptProcess;
  #next = 0;

  constructor(process: ScriptProcess) {
    this.#process = process;
  }

  static async start(options: ActorOptions): Promise<Actor> {
    const file = join(import.meta.dirname, 'fixtures/actor.ts');
    return new Actor(await spawnScript(file, [JSON.stringify(options)]));
  }

  async ask(command: ActorCommand): Promise<unknown> {
    const id = this.#next++;
    this.#process.send({ id, ...command });
    const { result, error } = await this.#process.message<Answer>(message => message.id === id);
    if (error !== undefined) throw new Error(error);
    return result;
  }

  get(key: string): Promise<Row> {
    return this.ask({ op: 'get', key }) as Promise<Row>;
  }

  kill(): Promise<unknown> {
    return this.#process.kill();
  }

  pause(): void {
    process.kill(this.#process.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.#process.pid, 'SIGCONT');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** A new database of record at `path`. */
export function createTruth(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF;');
  db.exec('CREATE TABLE truth (key TEXT PRIMARY KEY, value INTEGER) STRICT');
  return db;
}
