import { join } from 'node:path';
import { type Runner, type ScriptProcess, spawnScript } from '../../test/faults/index.ts';
import type { ActorConfig, Command, Message, ProducerConfig, WorkerConfig } from '../actors/protocol.ts';
import { START_MS } from './bounds.ts';
import type { Ledger } from './ledger.ts';
import { LogReader } from './log.ts';
import type { ToldChange } from './timings.ts';
import { within } from './wait.ts';

const SCRIPTS = { producer: 'producer.ts', worker: 'worker.ts' } as const;

/** A question without its number: the child's side gives it one. */
type Question =
  Extract<Command, { n: number }> extends infer Q ? (Q extends unknown ? Omit<Q, 'n'> : never) : never;

export interface ChildOptions {
  readonly role: keyof typeof SCRIPTS;
  /** The name and the log are made here: each life of the child has its own. */
  readonly config: Omit<ProducerConfig, 'name' | 'log'> | Omit<WorkerConfig, 'name' | 'log'>;
  readonly folder: string;
  readonly runner?: Runner | undefined;
  /** Called when it ends and nobody asked for it. */
  readonly onDeath: (why: string) => void;
}

/** A producer or worker process, which may live several times. */
export class Child {
  readonly role: ChildOptions['role'];
  readonly #baseName: string;
  readonly #options: ChildOptions;
  #lives = 0;
  #questions = 0;
  #script: ScriptProcess | undefined;
  #reader: LogReader | undefined;
  #heard = 0;
  #mayEnd = false;
  /** As it last told; undefined when it tells none. */
  state: string | undefined;

  constructor(baseName: string, options: ChildOptions) {
    this.#baseName = baseName;
    this.#options = options;
    this.role = options.role;
  }

  /** Of its present life. */
  get name(): string {
    return `${this.#baseName}.${this.#lives}`;
  }

  get alive(): boolean {
    return this.#script !== undefined && !this.#mayEnd;
  }

  /** Starts it; resolves when it is connected and ready. */
  async start(): Promise<void> {
    const { role, config, folder, runner, onDeath } = this.#options;
    this.#lives += 1;
    const log = join(folder, `${this.name}.log`);
    const file = join(import.meta.dirname, '../actors', SCRIPTS[role]);
    const given: ActorConfig = { ...config, name: this.name, log };
    const script = await spawnScript(file, [JSON.stringify(given)], runner === undefined ? {} : { runner });
    this.#script = script;
    this.#reader = new LogReader(log);
    this.#heard = 0;
    this.#mayEnd = false;
    this.state = undefined;
    void script.exited.then(({ code, signal }) => {
      if (this.#script !== script || this.#mayEnd) return;
      onDeath(`${this.name} ended by itself (${signal ?? `code ${code}`}): ${lastLines(script.output)}`);
    });
    const ready = script.message<Message>(({ event }) => event === 'ready');
    if ((await within(START_MS, ready)) === undefined) {
      throw new Error(`${this.name} was not ready within ${START_MS} ms: ${lastLines(script.output)}`);
    }
  }

  send(command: Command): void {
    this.#script?.send(command);
  }

  /** Undefined when no answer came within the bound. */
  async ask(question: Question, withinMs: number): Promise<number | undefined> {
    const script = this.#script;
    if (script === undefined) return undefined;
    const n = ++this.#questions;
    script.send({ ...question, n });
    const found = script.message<Message>(message => message.event === 'answer' && message.n === n);
    const answer = await within(withinMs, found);
    return answer?.event === 'answer' ? answer.value : undefined;
  }

  /** Takes in what it wrote and told since the last look. */
  look(ledger: Ledger, changes: ToldChange[]): void {
    for (const entry of this.#reader?.read() ?? []) ledger.take(entry, this.name);
    const messages = (this.#script?.messages ?? []) as readonly Message[];
    for (; this.#heard < messages.length; this.#heard++) {
      const message = messages[this.#heard];
      if (message?.event !== 'state') continue;
      const { at, from, to, reason } = message;
      changes.push({ actor: this.name, at, from, to, reason });
      this.state = to;
    }
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#script !== undefined) process.kill(this.#script.pid, signal);
  }

  /** SIGKILL; resolves when it is gone and all it wrote is taken in. */
  async kill(ledger: Ledger, changes: ToldChange[]): Promise<void> {
    this.#mayEnd = true;
    await this.#script?.kill();
    this.#end(ledger, changes);
  }

  /** Lets a worker finish its jobs; killed when that takes too long. */
  async close(withinMs: number, ledger: Ledger, changes: ToldChange[]): Promise<void> {
    this.#mayEnd = true;
    this.send({ do: 'close' });
    if (this.#script !== undefined) await within(withinMs, this.#script.exited);
    await this.kill(ledger, changes);
  }

  #end(ledger: Ledger, changes: ToldChange[]): void {
    this.look(ledger, changes);
    this.#reader?.close();
    this.#reader = undefined;
    this.#script = undefined;
    this.state = undefined;
  }
}

function lastLines(output: string): string {
  return output.trim().split('\n').slice(-12).join('\n    ') || 'it printed nothing';
}
