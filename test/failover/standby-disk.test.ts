import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { fileSizeLimit, type Possible, type Runner, smallDisk, withoutPrivileges } from '../faults/index.ts';
import { DURABLE, startRedis } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { outage, Program } from './program.ts';

it('Redis works on while the disk of the standby is full, and the standby is used again when it is not', async () => {
  await using redis = await startRedis({ args: DURABLE });
  const folder = join(tempDir('full-standby'), 'disk');
  const disk = smallDisk(folder, 4 * 1024 * 1024);
  // Where no tmpfs may be mounted, a limit on the size of files refuses writes just as the disk would.
  const runner = disk.possible ? disk : needed(fileSizeLimit(1024));
  const sqlite = { file: join(folder, 'standby.db') };
  await using program = await Program.start({ redis: redis.url, sqlite, journal: 'until-completed' }, runner);
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  const ballast = join(folder, 'ballast');
  if (disk.possible) await program.ask({ do: 'put-file', path: ballast, bytes: 3 * 1024 * 1024 });

  let added = 10;
  for (let trouble: unknown; trouble === undefined; trouble = (await program.status()).standbyTrouble) {
    await program.ask({ do: 'add', jobs: 20, bytes: 10_000 });
    added += 20;
  }
  await program.ask({ do: 'add', jobs: 20, bytes: 10_000 });
  await program.reaches('all jobs', ({ ran }) => ran === added + 20);
  const full = await program.status();
  expect(full).toMatchObject({ state: 'primary', rung: 'primary', switches: 0 });
  expect(full.standbyTrouble?.code).toBe(disk.possible ? 'SPILLWAY_SQLITE_FULL' : 'SPILLWAY_SQLITE_IO');
  expect(full.withoutCopy).toBeGreaterThan(0);

  if (disk.possible) await program.ask({ do: 'remove-file', path: ballast });
  else spawnSync('prlimit', ['--pid', String(program.script.pid), '--fsize=unlimited:unlimited']);
  await program.reaches('the standby to be back', ({ standbyTrouble }) => standbyTrouble === undefined);
  await outage(redis, program);
  expect(await program.status()).toMatchObject({ ran: added + 30, lost: 0, duplicates: 0 });
});

it('a folder that is made read-only while it is in use stops neither Redis nor the standby', async () => {
  await using redis = await startRedis({ args: DURABLE });
  const file = join(tempDir('read-only-standby'), 'folder', 'standby.db');
  mkdirSync(dirname(file));
  await using program = await Program.start(
    { redis: redis.url, sqlite: { file } },
    needed(withoutPrivileges()),
  );
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the jobs before', ({ ran }) => ran === 10);
  setModes(dirname(file), 0o500, 0o400);
  await outage(redis, program);
  setModes(dirname(file), 0o700, 0o600);
  const status = await program.status();
  expect(status).toMatchObject({ ran: 20, duplicates: 0 });
  expect(status.standbyTrouble).toBeUndefined();
});

function setModes(folder: string, mode: number, files: number): void {
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), files);
  chmodSync(folder, mode);
}

function needed(runner: Possible<Runner>): Runner {
  if (!runner.possible) throw new Error(runner.reason);
  return runner;
}
