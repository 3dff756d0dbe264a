import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** How long a server may take to answer for the first time, and to leave when asked to. */
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;

export interface ServerCommand {
  command: string;
  args: string[];
  /** All the process prints goes here, so that a hung reader can never block it. */
  logFile: string;
  spawnOptions?: Pick<SpawnOptions, 'uid' | 'gid' | 'cwd' | 'env'>;
  /** SIGTERM when not given. */
  stopSignal?: NodeJS.Signals;
}

/** One run of a real server process, with the helpers it forked. Ended by its own pid, never by name. */
export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #stopSignal: NodeJS.Signals;
  readonly #exited: Promise<unknown>;
  readonly #endWithUs: () => void;

  private constructor(child: ChildProcess, stopSignal: NodeJS.Signals) {
    this.#child = child;
    this.pid = child.pid as number;
    this.#stopSignal = stopSignal;
    this.#endWithUs = () => this.#signalAll('SIGKILL');
    process.once('exit', this.#endWithUs);
    this.#exited = once(child, 'exit').then(() => process.off('exit', this.#endWithUs));
  }

  static async start({
    command,
    args,
    logFile,
    spawnOptions,
    stopSignal,
  }: ServerCommand): Promise<ServerProcess> {
    const log = openSync(logFile, 'a');
    const child = spawn(command, args, { ...spawnOptions, stdio: ['ignore', log, log] });
    closeSync(log);
    await once(child, 'spawn');
    return new ServerProcess(child, stopSignal ?? 'SIGTERM');
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Asks `ready` until it is true; throws with the end of the log when the process ends or the deadline passes. */
  async ready(ready: () => Promise<boolean>, logFile: string): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    while (!(await ready())) {
      const late = performance.now() > deadline;
      if (this.running && !late) {
        await pollPause();
        continue;
      }
      await this.kill();
      const why = late ? `did not answer within ${START_DEADLINE_MS} ms` : 'ended while starting';
      throw new ServerStartError(`${this.#child.spawnfile} ${why}`, readFileSync(logFile, 'utf8'));
    }
  }

  /** SIGTERM (a stopped process is continued first), then SIGKILL after a bound. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.resume();
    this.#child.kill(this.#stopSignal);
    const bound = setTimeout(() => this.#signalAll('SIGKILL'), STOP_DEADLINE_MS);
    await this.#exited;
    clearTimeout(bound);
  }

  async kill(): Promise<void> {
    if (this.running) this.#signalAll('SIGKILL');
    await this.#exited;
  }

  pause(): void {
    this.#signalAll('SIGSTOP');
  }

  resume(): void {
    this.#signalAll('SIGCONT');
  }

  /** The parent first, so that it cannot fork another while its children are being listed. */
  #signalAll(signal: NodeJS.Signals): void {
    if (!this.running) return;
    const children = signal === 'SIGKILL' ? descendants(this.pid) : [];
    for (const pid of [this.pid, ...children]) sendSignal(pid, signal);
    if (signal !== 'SIGKILL') for (const pid of descendants(this.pid)) sendSignal(pid, signal);
  }
}

export class ServerStartError extends Error {
  readonly log: string;

  constructor(message: string, log: string) {
    super(`${message}; the end of its log:\n${log.slice(-2000)}`);
    this.log = log;
  }

  /** Another process took the port between our choosing it and the server's binding it. */
  get portTaken(): boolean {
    return /address already in use|could not bind|Failed listening on port/i.test(this.log);
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

/** Calls `start` with a free port, and again with another when someone else was faster. */
export async function onFreePort<T>(
  port: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(port ?? (await freePort()));
    } catch (error) {
      const raced = port === undefined && error instanceof ServerStartError && error.portTaken;
      if (!raced || attempt === 5) throw error;
    }
  }
}

/** Between two questions to a server that is starting: it must get the processor to be able to answer. */
function pollPause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 5));
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The pids below this one: from /proc where there is one, from ps elsewhere. */
function descendants(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendants)];
}

function childrenOf(pid: number): number[] {
  if (process.platform === 'linux') {
    try {
      const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
      return list.split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  }
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  return rows.flatMap(row => {
    const [child, parent] = row.trim().split(/\s+/).map(Number);
    return parent === pid && child !== undefined ? [child] : [];
  });
}
