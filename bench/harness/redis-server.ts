import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

export interface RedisServer {
  readonly port: number;
  stop(): Promise<void>;
}

const startDeadlineMs = 10_000;
const stopDeadlineMs = 10_000;

// Whatever way the command ends, no server of ours outlives it.
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const server of running) server.kill('SIGKILL');
});

/** Starts an empty redis-server on a free loopback port, with the append-only file on, synced each second. */
export async function startRedisServer(binary: string, directory: string): Promise<RedisServer> {
  const port = await freePort();
  const persistence = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  const server = spawn(binary, [...place, ...persistence], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  server.stdout.on('data', chunk => {
    output = `${output}${chunk}`.slice(-2000);
  });
  server.stderr.on('data', chunk => {
    output = `${output}${chunk}`.slice(-2000);
  });
  let failure: Error | undefined;
  server.once('error', error => {
    failure = new Error(`cannot start '${binary}': install Redis or give --redis-server`, { cause: error });
  });
  const ended = once(server, 'exit').then(
    () => running.delete(server),
    () => running.delete(server),
  );
  running.add(server);

  const deadline = performance.now() + startDeadlineMs;
  while (!(await answersPing(port))) {
    if (failure !== undefined) throw failure;
    if (server.exitCode !== null) throw new Error(`redis-server ended at its start:\n${output}`);
    if (performance.now() > deadline) {
      server.kill('SIGKILL');
      throw new Error(`redis-server did not answer within ${startDeadlineMs} ms:\n${output}`);
    }
    await sleep(20);
  }
  return {
    port,
    async stop() {
      server.kill('SIGTERM');
      const timer = setTimeout(() => server.kill('SIGKILL'), stopDeadlineMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('error', () => answer(false));
    socket.once('data', reply => answer(reply.toString('latin1').startsWith('+PONG')));
    socket.setTimeout(1000, () => answer(false));
    socket.write('PING\r\n');
  });
}
