import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeTempDir, tempDir } from '../support/temp-dir.ts';
import { findRedisServer } from './binaries.ts';
import { onFreePort, ServerProcess } from './process.ts';
import type { RedisServer } from './redis.ts';

export interface SentinelOptions {
  /** The server it watches at first. */
  master: RedisServer;
  /** Name of the group. Default `main`. */
  name?: string;
  /** How many Sentinels must agree that the master is down. Default 1. */
  quorum?: number;
  /** More lines for its configuration. */
  lines?: string[];
}

/** A real Sentinel on 127.0.0.1, quick to call a master dead (half a second). */
export class SentinelServer {
  readonly port: number;
  readonly #process: ServerProcess;
  readonly #dir: string;

  constructor(running: ServerProcess, port: number, dir: string) {
    this.#process = running;
    this.port = port;
    this.#dir = dir;
  }

  /** SIGSTOP. */
  pause(): void {
    this.#process.pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#process.resume();
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    removeTempDir(this.#dir);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a Sentinel and resolves when it answers. `stop()` it, or declare it with `await using`. */
export async function startSentinel(options: SentinelOptions): Promise<SentinelServer> {
  const { master, name = 'main', quorum = 1, lines = [] } = options;
  const command = findRedisServer();
  if (command === undefined) throw new Error('redis-server is not installed');
  const dir = tempDir('sentinel');
  return onFreePort(undefined, async port => {
    const file = join(dir, `sentinel-${port}.conf`);
    const log = join(dir, `sentinel-${port}.log`);
    const settings = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor ${name} 127.0.0.1 ${master.port} ${quorum}`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 2000`,
    ];
    writeFileSync(file, [...settings, ...lines, ''].join('\n'));
    const running = await ServerProcess.start({ command, args: [file, '--sentinel'], logFile: log });
    // It writes this after it has begun to listen, whatever password or TLS it wants.
    await running.ready(async () => readFileSync(log, 'utf8').includes(`+monitor master ${name}`), log);
    return new SentinelServer(running, port, dir);
  });
}
