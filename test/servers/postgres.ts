import { execFile } from 'node:child_process';
import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { lastingTempDir, removeTempDir, tempDir } from '../support/temp-dir.ts';
import { findPostgresBin } from './binaries.ts';
import { onFreePort, ServerProcess } from './process.ts';

export interface PostgresOptions {
  /** More arguments for `postgres`: `['-c', 'max_connections=20']`. */
  args?: string[];
  /** A free one when not given. */
  port?: number;
}

/** A real PostgreSQL on 127.0.0.1 with a cluster of its own; the superuser `postgres` needs no password. */
export class PostgresServer {
  readonly port: number;
  /** `postgres://postgres@127.0.0.1:port/postgres` */
  readonly url: string;
  readonly dir: string;
  readonly #args: string[];
  #process: ServerProcess;

  constructor(running: ServerProcess, args: string[], port: number, dir: string) {
    this.#process = running;
    this.#args = args;
    this.port = port;
    this.dir = dir;
    this.url = urlOf(port);
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

  /** SIGKILL to the server and every process it forked; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** SIGSTOP to the server and every process it forked: connections stay open and nothing answers. */
  pause(): void {
    this.#process.pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#process.resume();
  }

  /** Ends it if need be, then starts it on the same port with the same data. */
  async restart(): Promise<void> {
    await this.#process.stop();
    this.#process = await launch(this.#args, this.port, this.dir);
  }

  /** Asks it to end at once, disconnecting clients; SIGKILL after a bound; removes its folder. */
  async stop(): Promise<void> {
    await this.#process.stop();
    removeTempDir(this.dir);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const run = promisify(execFile);

/** A cluster nobody has used, made once for all servers of a process: making one takes a second of a core, a copy a tenth. */
let unused: Promise<string> | undefined;

async function makeCluster(): Promise<string> {
  const dir = owned(lastingTempDir('postgres-unused'));
  const how = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await run(join(binFolder(), 'initdb'), ['-D', dataFolder(dir), ...how], {
    ...unprivilegedUser(),
    cwd: dir,
  });
  return dataFolder(dir);
}

/** Belongs to the user the server will run as. */
function owned(dir: string): string {
  const user = unprivilegedUser();
  if (user !== undefined) chownSync(dir, user.uid, user.gid);
  return dir;
}

/** Starts a PostgreSQL and resolves when it has answered SELECT. `stop()` it, or declare it with `await using`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { args = [] } = options;
  unused ??= makeCluster();
  const dir = owned(tempDir('postgres'));
  await run('cp', ['-a', await unused, dataFolder(dir)]);
  return onFreePort(options.port, async port => {
    return new PostgresServer(await launch(args, port, dir), args, port, dir);
  });
}

async function launch(args: string[], port: number, dir: string): Promise<ServerProcess> {
  const data = dataFolder(dir);
  // Without fsync: what a SIGKILL leaves in the operating system's cache is enough for every fault we make here.
  const settings = ['fsync=off', 'full_page_writes=off', 'unix_socket_directories=', 'shared_buffers=16MB'];
  const running = await ServerProcess.start({
    command: join(binFolder(), 'postgres'),
    args: [
      '-D',
      data,
      '-p',
      String(port),
      '-h',
      '127.0.0.1',
      ...settings.flatMap(set => ['-c', set]),
      ...args,
    ],
    logFile: logFile(dir),
    spawnOptions: { ...unprivilegedUser(), cwd: dir },
    // "Fast shutdown": SIGTERM would wait for every client to leave by itself.
    stopSignal: 'SIGINT',
  });
  await running.ready(() => answersFrom(data, port), logFile(dir));
  return running;
}

/** A query answered by the server on this very folder: during a race for the port another one might answer. */
async function answersFrom(data: string, port: number): Promise<boolean> {
  const client = new pg.Client({ connectionString: urlOf(port), connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory === data;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function binFolder(): string {
  const folder = findPostgresBin();
  if (folder === undefined)
    throw new Error('PostgreSQL is not installed; `npm test` installs it or says how');
  return folder;
}

/** PostgreSQL refuses to run as root; then it runs as `postgres`, or as `nobody` where there is no such user. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find(line => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('PostgreSQL cannot run as root, and there is neither a user postgres nor nobody');
}

function urlOf(port: number): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`;
}

function dataFolder(dir: string): string {
  return join(dir, 'data');
}

function logFile(dir: string): string {
  return join(dir, 'postgres.log');
}
