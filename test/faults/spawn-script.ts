import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Runner } from './runners.ts';

export interface SpawnScriptOptions {
  /** Added to this process's environment. */
  env?: NodeJS.ProcessEnv;
  /** Arguments for Node itself. */
  nodeArgs?: string[];
  /** A program that prepares a fault and then becomes Node: see runners.ts. */
  runner?: Runner;
}

export interface ScriptExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A TypeScript file that runs in a process of its own, with a channel of JSON lines in both directions. */
export class ScriptProcess implements AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process is gone and all it said has been read. Never rejects. */
  readonly exited: Promise<ScriptExit>;
  readonly #child: ChildProcess;
  readonly #messages: unknown[] = [];
  #output = '';
  #gone = false;
  /** Called at each message and at the end. */
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid as number;
    const lines = createInterface({ input: child.stdio[3] as Readable });
    lines.on('line', line => {
      this.#messages.push(JSON.parse(line));
      this.#notify();
    });
    for (const stream of [child.stdout as Readable, child.stderr as Readable]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    // A child that is gone no longer reads: what it missed is its test's business.
    (child.stdin as Writable).on('error', () => {});
    const endWithUs = () => child.kill('SIGKILL');
    process.once('exit', endWithUs);
    this.exited = Promise.all([once(child, 'close'), once(lines, 'close')]).then(() => {
      process.off('exit', endWithUs);
      this.#gone = true;
      this.#notify();
      return { code: child.exitCode, signal: child.signalCode };
    });
  }

  /** All it reported so far. */
  get messages(): readonly unknown[] {
    return this.#messages;
  }

  /** All it printed so far, to standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  /** The first message, past or future, that `matches`; rejects with its output when the process ends without. */
  async message<T = unknown>(matches: (message: T) => boolean = () => true): Promise<T> {
    const found = await this.#until(() => this.#messages.find(message => matches(message as T)));
    return found as T;
  }

  /** Resolves at its `count`th message. */
  async messageCount(count: number): Promise<void> {
    await this.#until(() => (this.#messages.length >= count ? true : undefined));
  }

  send(command: unknown): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Ends the channel to it: its `commands()` come to an end. */
  endCommands(): void {
    this.#child.stdin?.end();
  }

  /** SIGKILL unless told otherwise; resolves when it is gone. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ScriptExit> {
    this.#child.kill(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async #until<T>(look: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const watcher = () => {
        const found = look();
        if (found === undefined && !this.#gone) return;
        this.#watchers.delete(watcher);
        if (found !== undefined) resolve(found);
        else reject(new Error(`the script ended (${this.#ending()}) without it:\n${this.#output}`));
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  #ending(): string {
    return this.#child.signalCode ?? `code ${this.#child.exitCode}`;
  }
}

/** Starts a TypeScript file in a process of its own. Declare it with `await using`, so that it never outlives the test. */
export async function spawnScript(
  file: string,
  args: string[] = [],
  options: SpawnScriptOptions = {},
): Promise<ScriptProcess> {
  const { env, nodeArgs = [], runner } = options;
  const strip = process.features.typescript ? [] : ['--experimental-strip-types'];
  const node = [process.execPath, ...strip, ...nodeArgs, file, ...args];
  const [command = '', ...rest] = [...(runner?.prefix ?? []), ...node];
  const child = spawn(command, rest, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  await once(child, 'spawn');
  return new ScriptProcess(child);
}
