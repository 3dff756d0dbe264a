import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real server on a free loopback port, started for one run and ended by its process id. */
export interface Server {
  url: string;
  port: number;
  stop(): Promise<void>;
}

/** Starts `redis-server`, in memory only. */
export async function startRedis(): Promise<Server> {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { stdio: 'ignore' },
  );
  await listening(port, child);
  return { url: `redis://127.0.0.1:${port}`, port, stop: () => end(child) };
}

/**
 * Starts PostgreSQL on a throw-away data directory, without fsync.
 * PostgreSQL refuses to run as root; as root it is started as the system's `postgres` user.
 */
export async function startPostgres(bin = '/usr/lib/postgresql/15/bin'): Promise<Server> {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'spillway-pg-'));
  const root = process.getuid?.() === 0;
  const idOf = (which: '-u' | '-g') => Number(execFileSync('id', [which, 'postgres']));
  const user = root ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  if (user.uid !== undefined && user.gid !== undefined) chownSync(data, user.uid, user.gid);
  chmodSync(data, 0o700);
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'spillway', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    {
      stdio: 'ignore',
      cwd: data,
      ...user,
    },
  );
  const settings = [
    `port=${port}`,
    `unix_socket_directories=${data}`,
    'listen_addresses=127.0.0.1',
    'fsync=off',
  ];
  settings.push('max_connections=200');
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap(it => ['-c', it])], {
    stdio: 'ignore',
    cwd: data,
    ...user,
  });
  await listening(port, child);
  const stop = async () => {
    await end(child, 'SIGINT');
    rmSync(data, { recursive: true, force: true });
  };
  return { url: `postgres://spillway@127.0.0.1:${port}/postgres`, port, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`);
    const open = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1');
      const answer = (ready: boolean) => {
        socket.destroy();
        resolve(ready);
      };
      socket.once('connect', () => answer(true)).once('error', () => answer(false));
    });
    if (open) return;
    await sleep(25);
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
