import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { removeTempDir, tempDir } from '../support/temp-dir.ts';
import { findRedisServer } from './binaries.ts';
import { onFreePort, ServerProcess } from './process.ts';

/**
 * Redis has on disk what it has acknowledged. With the default, `everysec`, it may keep an acknowledged write in its own memory
 * for up to 2 s while the disk is slow, and a kill -9 takes it.
 */
export const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

export interface RedisOptions {
  /** More arguments for redis-server, which win over ours: `['--appendonly', 'yes']`, `['--maxmemory', '4mb']`. */
  args?: string[];
  /** Where it keeps its files. A temporary folder of its own, removed by `stop()`, when not given. */
  dir?: string;
  /** A free one when not given. */
  port?: number;
}

/** A real redis-server on 127.0.0.1, without persistence unless `args` ask for it. */
export class RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:port`, with the password when `args` hold `--requirepass`. */
  readonly url: string;
  readonly dir: string;
  readonly #args: string[];
  readonly #ownsDir: boolean;
  #process: ServerProcess;

  constructor(running: ServerProcess, args: string[], port: number, dir: string, ownsDir: boolean) {
    this.#process = running;
    this.#args = args;
    this.port = port;
    this.dir = dir;
    this.#ownsDir = ownsDir;
    const password = passwordIn(args);
    this.url = `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** All it has printed so far, over all its runs. */
  log(): string {
    return readFileSync(logFile(this.dir), 'utf8');
  }

  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** SIGSTOP: it still accepts connections (the kernel does) and answers nothing. */
  pause(): void {
    this.#process.pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#process.resume();
  }

  /** Ends it if need be, then starts it on the same port and folder: empty unless persistence is on. */
  async restart(): Promise<void> {
    await this.#process.stop();
    this.#process = await launch(this.#args, this.port, this.dir);
  }

  /** SIGTERM, SIGKILL after a bound; removes its temporary folder. */
  async stop(): Promise<void> {
    await this.#process.stop();
    if (this.#ownsDir) removeTempDir(this.dir);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a redis-server and resolves when it has answered PING. `stop()` it, or declare it with `await using`. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { args = [] } = options;
  const dir = options.dir ?? tempDir('redis');
  mkdirSync(dir, { recursive: true });
  return onFreePort(options.port, async port => {
    const running = await launch(args, port, dir);
    return new RedisServer(running, args, port, dir, options.dir === undefined);
  });
}

async function launch(args: string[], port: number, dir: string): Promise<ServerProcess> {
  const command = findRedisServer();
  if (command === undefined)
    throw new Error('redis-server is not installed; `npm test` installs it or says how');
  const base = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const log = logFile(dir);
  const running = await ServerProcess.start({ command, args: [...base, ...args], logFile: log });
  await running.ready(() => answersAs(running.pid, port, passwordIn(args)), log);
  return running;
}

function logFile(dir: string): string {
  return join(dir, 'redis.log');
}

function passwordIn(args: string[]): string | undefined {
  const at = args.lastIndexOf('--requirepass');
  return at === -1 ? undefined : args[at + 1];
}

/**
 * PING answered with PONG, by this very process: during a race for the port another server might answer. One that
 * wants a login we do not have (ACL users) is ready too.
 */
async function answersAs(pid: number, port: number, password: string | undefined): Promise<boolean> {
  const login = password === undefined ? [] : ['AUTH', password];
  const reply = await ask(port, [
    ...(login.length > 0 ? [login] : []),
    ['PING'],
    ['INFO', 'server'],
    ['QUIT'],
  ]);
  if (reply.includes('-NOAUTH') || reply.includes('-NOPERM')) return true;
  return reply.includes('+PONG') && reply.includes(`process_id:${pid}\r\n`);
}

/** Sends the commands at once and gives all that came back; an empty text when nobody listens. */
async function ask(port: number, commands: string[][]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let reply = '';
  socket.setEncoding('utf8');
  socket.on('data', text => {
    reply += text;
  });
  socket.on('error', () => {});
  socket.setTimeout(1000, () => socket.destroy());
  socket.write(commands.map(encode).join(''));
  await once(socket, 'close').catch(() => {});
  return reply;
}

function encode(words: string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
