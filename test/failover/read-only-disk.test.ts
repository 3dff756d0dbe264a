/** The standby's disk is made read-only while its file is open: by its kernel after an error, or by hand. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Runner } from '../faults/index.ts';
import { DURABLE, type RedisServer, startRedis } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { outage, Program } from './program.ts';
import { until } from './rig.ts';

const PLAIN: Runner = { prefix: [] };

function shell(script: string, ...args: string[]): boolean {
  return spawnSync('sh', ['-c', script, 'sh', ...args]).status === 0;
}

/**
 * An ext4 of its own for the program alone, which its kernel makes read-only at an error; undefined where that can't be made
 * (it takes root and a loop device). A `mount -o remount,ro` by hand is refused as long as a file is open there.
 */
function ownDisk(folder: string): Runner | undefined {
  const image = `${folder}.img`;
  const made = 'dd if=/dev/zero of="$1" bs=1M count=24 && mkfs.ext4 -q -O ^has_journal "$1"';
  const mount = 'mount -o loop,errors=remount-ro "$1" "$2" && shift 2 && exec "$@"';
  const runner = { prefix: ['unshare', '-m', 'sh', '-c', mount, 'sh', image, folder] };
  const [command = '', ...args] = [...runner.prefix, 'sh', '-c', 'ls /sys/fs/ext4/*/trigger_fs_error'];
  if (!shell(made, image) || spawnSync(command, args).status !== 0) return undefined;
  return runner;
}

/** Tells the kernel of an error on that disk. */
function failDisk(program: Program, folder: string): boolean {
  const trigger = 'echo 1 > "/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$1")")/trigger_fs_error"';
  return shell(`nsenter -t "$2" -m sh -c '${trigger}' sh "$1"`, folder, String(program.script.pid));
}

/**
 * Files nobody may change, not even who has them open; else a limit that no write keeps to. Not the shared memory: a write to a
 * mapping of a file that may not be written ends a process (SIGBUS).
 */
function freeze(program: Program, folder: string): () => void {
  const { pid } = program.script;
  const limit = (to: string) => shell('prlimit --pid "$1" --fsize="$2"', String(pid), `${to}:`);
  if (shell('chattr +i "$1"/*.db "$1"/*-wal "$1"', folder)) {
    const thaw = () => void shell('chattr -i "$1" "$1"/*', folder);
    onTestFinished(thaw);
    return thaw;
  }
  expect(limit('0')).toBe(true);
  return () => void limit('unlimited');
}

/** It is told, Redis goes on, and nothing is acknowledged that nothing can keep. */
async function outWhileRedisGoesOn(redis: RedisServer, program: Program): Promise<void> {
  const before = await program.status();
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the trouble', it => it.standbyTrouble !== undefined);
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the jobs on Redis', it => it.ran === before.ran + 20);
  const out = await program.status();
  expect(out).toMatchObject({ state: 'primary', rung: 'primary', switches: before.switches });
  expect(out.standbyTrouble?.code).toMatch(/^SPILLWAY_SQLITE_(IO|READ_ONLY|FULL)$/);
  expect(out.withoutCopy).toBeGreaterThanOrEqual(before.withoutCopy + 10);

  await redis.kill();
  await program.reaches('the outage', it => it.state === 'standby');
  const refused = program.ask({ do: 'add', jobs: 1, bytes: 100 });
  await expect(refused).rejects.toMatchObject({ code: 'SPILLWAY_UNAVAILABLE' });
  await redis.restart();
  await program.reaches('Redis to be used', it => it.rung === 'primary');
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the jobs after', it => it.ran === before.ran + 30);
}

async function start(folder: string, runner: Runner) {
  const redis = await startRedis({ args: DURABLE });
  onTestFinished(() => redis.stop());
  const sqlite = { file: join(folder, 'standby.db') };
  const program = await Program.start({ redis: redis.url, sqlite, journal: 'until-completed' }, runner);
  onTestFinished(() => program[Symbol.asyncDispose]());
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the jobs before', ({ ran }) => ran === 10);
  return { redis, program };
}

it('Redis goes on when the kernel has made the disk of the standby read-only', async () => {
  const folder = join(tempDir('failing-disk'), 'disk');
  mkdirSync(folder);
  const disk = ownDisk(folder);
  const { redis, program } = await start(folder, disk ?? PLAIN);
  if (disk === undefined) freeze(program, folder);
  else await until(() => failDisk(program, folder), 'the disk to fail');
  await outWhileRedisGoesOn(redis, program);
});

it('and when that is over, the standby is used again without a restart', async () => {
  const folder = join(tempDir('frozen-disk'), 'disk');
  mkdirSync(folder);
  const { redis, program } = await start(folder, PLAIN);
  const thaw = freeze(program, folder);
  await outWhileRedisGoesOn(redis, program);
  thaw();
  await program.reaches('the standby to be back', ({ standbyTrouble }) => standbyTrouble === undefined);
  await program.reaches('the end of the return', ({ state }) => state === 'primary');
  await outage(redis, program);
  expect(await program.status()).toMatchObject({ ran: 50, lost: 0, duplicates: 0, pending: 0 });
});

it('and a report that finds neither home goes to the first that is back', async () => {
  const folder = join(tempDir('frozen-disk'), 'disk');
  mkdirSync(folder);
  const { redis, program } = await start(folder, PLAIN);
  const thaw = freeze(program, folder);
  await program.reaches('the trouble', it => it.standbyTrouble !== undefined);
  await program.ask({ do: 'hold' });
  await program.ask({ do: 'add', jobs: 1, bytes: 100 });
  await program.reaches('the job in work', ({ ran }) => ran === 11);
  await redis.kill();
  await program.reaches('the outage', it => it.state === 'standby');
  await program.ask({ do: 'let-go', bytes: 1 });
  await redis.restart();
  await program.reaches('Redis to be used', it => it.rung === 'primary');
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the jobs after', ({ ran }) => ran === 21);
  expect(await program.ask({ do: 'counts' })).toMatchObject({ completed: 21, active: 0, failed: 0 });
  thaw();
  await program.reaches('the end of the return', it => it.state === 'primary' && it.pending === 0);
  expect(await program.status()).toMatchObject({ ran: 21, lost: 0, duplicates: 0 });
});

it('and so does a report that is too large for what is left of the disk', async () => {
  const folder = join(tempDir('small-disk'), 'disk');
  mkdirSync(folder);
  const { redis, program } = await start(folder, PLAIN);
  await program.ask({ do: 'hold' });
  await program.ask({ do: 'add', jobs: 1, bytes: 100 });
  await program.reaches('the job in work', ({ ran }) => ran === 11);
  await redis.kill();
  await program.reaches('the outage', it => it.state === 'standby');
  const largest = Math.max(...readdirSync(folder).map(name => statSync(join(folder, name)).size));
  const limit = String(largest + 1_000_000);
  expect(shell('prlimit --pid "$1" --fsize="$2:"', String(program.script.pid), limit)).toBe(true);
  await program.ask({ do: 'let-go', bytes: 6_000_000 });
  await redis.restart();
  await program.reaches('Redis to be used', it => it.rung === 'primary');
  await until(async () => {
    const { completed, active } = await program.ask<Record<string, number>>({ do: 'counts' });
    return completed === 11 && active === 0;
  }, 'the report');
});
