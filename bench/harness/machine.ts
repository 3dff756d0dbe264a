import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** What a reader of the results needs to know of where they were taken. */
export interface Machine {
  readonly node: string;
  readonly sqlite: string;
  readonly redisServer: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly commit: string | undefined;
  readonly platform: string;
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryGiB: number;
  /** Of the last minute, before the first run: a busy machine shows here. */
  readonly load: number;
  readonly diskIsMemory: boolean;
}

const packages = [
  'bullmq',
  'ioredis',
  'express',
  'fastify',
  'bentocache',
  'cache-manager',
  'cacheable',
  'lru-cache',
];

export function describeMachine(directory: string, redisServer: string): Machine {
  return {
    node: process.version,
    sqlite: process.versions.sqlite ?? 'unknown',
    redisServer: output(redisServer, ['--version']) ?? 'not found',
    packages: Object.fromEntries(packages.map(name => [name, packageVersion(name)])),
    commit: output('git', ['rev-parse', 'HEAD']),
    platform: `${process.platform} ${process.arch}`,
    cpus: availableParallelism(),
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? 0,
    diskIsMemory: onTmpfs(directory),
  };
}

const tmpfsMagic = 0x01021994;

/** An fsync to a RAM disk costs nothing: figures taken there say nothing of durability. Linux only. */
function onTmpfs(directory: string): boolean {
  return process.platform === 'linux' && statfsSync(directory).type === tmpfsMagic;
}

function packageVersion(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function output(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
