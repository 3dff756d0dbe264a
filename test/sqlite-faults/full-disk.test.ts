/** Faults 24 and 25: no room on the disk, and a file that may not grow. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileSizeLimit, type Runner, smallDisk } from '../faults/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type Actor, startActor } from './actor.ts';

/** A lock that outlives the fault: what is told of a job after its lock is over is another matter. */
const OPTIONS = { lockDuration: 3_600_000, runRetryDelay: 50 };

interface Filled {
  added: number;
  error: { code?: string };
}

/** A job is active, the disk gets full, the job finishes: it waits, it doesn't fail, and nobody waits for it. */
async function finishWithoutRoom(actor: Actor, code: string): Promise<string> {
  await actor.ask({ do: 'work', handler: 'hold', options: OPTIONS });
  const id = await actor.ask<string>({ do: 'add' });
  await actor.event('run', id);
  const large = await actor.ask<Filled>({ do: 'fill', bytes: 20_000 });
  expect(large).toMatchObject({ error: { code } });
  expect(large.added).toBeGreaterThan(5);
  await expect(actor.ask({ do: 'add', data: 'x'.repeat(20_000) })).rejects.toMatchObject({ code });
  // To the last page, so that there is no room for the job's result either.
  for (let left = 1; left > 0; ) {
    left = (await actor.ask<Filled>({ do: 'fill', bytes: 20_000 })).added;
  }
  await actor.ask({ do: 'release' });
  return id;
}

it('a full disk: adds are refused, a finished job waits for room, and all goes on by itself', async () => {
  const folder = join(tempDir('full-disk'), 'disk');
  const disk = smallDisk(folder, 4 * 1024 * 1024);
  // Where no tmpfs may be mounted, a limit on the size of files refuses writes just as the disk would.
  const [runner, code]: [Runner, string] = disk.possible
    ? [disk, 'SPILLWAY_SQLITE_FULL']
    : [needed(fileSizeLimit(2048)), 'SPILLWAY_SQLITE_IO'];
  await using actor = await startActor({ file: join(folder, 'q.db') }, { runner });
  const ballast = join(folder, 'ballast');
  await actor.ask({ do: 'put-file', path: ballast, bytes: 1024 * 1024 });
  const id = await finishWithoutRoom(actor, code);
  expect(await actor.event('error')).toMatchObject({ code });
  expect(await actor.ask({ do: 'state', id })).toBe('active');
  await expect(actor.ask({ do: 'add', data: 'x'.repeat(20_000) })).rejects.toMatchObject({ code });
  expect(actor.events('completed')).toEqual([]);
  if (disk.possible) await actor.ask({ do: 'remove-file', path: ballast });
  else expect(liftFileSizeLimit(actor)).toBe(true);
  await actor.event('completed', id);
  expect(actor.events('failed')).toEqual([]);
  expect(actor.events('run').filter(event => event.id === id)).toHaveLength(1);
  const next = await actor.ask<string>({ do: 'add' });
  await actor.event('completed', next);
  expect(await actor.ask({ do: 'check' })).toEqual([]);
});

it('a file that may not grow (EFBIG): the same, under its own code', async () => {
  const file = join(tempDir('file-limit'), 'q.db');
  const limited = await startActor({ file }, { runner: needed(fileSizeLimit(1024)) });
  await using actor = limited;
  const id = await finishWithoutRoom(actor, 'SPILLWAY_SQLITE_IO');
  expect(await actor.event('error')).toMatchObject({ code: 'SPILLWAY_SQLITE_IO' });
  expect(await actor.ask({ do: 'state', id })).toBe('active');
  expect(actor.events('failed')).toEqual([]);
  expect(await actor.ask({ do: 'check' })).toEqual([]);
  const { waiting } = await actor.ask<{ waiting: number }>({ do: 'counts' });
  if (liftFileSizeLimit(actor)) {
    await actor.event('completed', id);
    expect(actor.events('failed')).toEqual([]);
    return;
  }
  // Only root may raise a limit: then a process without it finds all that was acknowledged.
  await actor.script.kill();
  await using next = await startActor({ file });
  expect(await next.ask({ do: 'counts' })).toMatchObject({ waiting, active: 1, failed: 0 });
});

it('a file that may not grow is opened and read all the same, though its log can not be moved into it', async () => {
  const file = join(tempDir('file-limit'), 'q.db');
  // Few enough that the log (2 MB) is not moved yet, and the database has next to nothing.
  const jobs = 60;
  const before = await startActor({ file });
  for (let each = 0; each < jobs; each++) await before.ask({ do: 'add', data: 'x'.repeat(20_000) });
  await before.script.kill();
  expect(statSync(file).size).toBeLessThan(256 * 1024);
  await using actor = await startActor({ file }, { runner: needed(fileSizeLimit(1024)) });
  expect(await actor.ask({ do: 'counts' })).toMatchObject({ waiting: jobs });
  await expect(actor.ask({ do: 'add' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_IO' });
});

function needed(runner: ReturnType<typeof fileSizeLimit>): Runner {
  if (!runner.possible) throw new Error(runner.reason);
  return runner;
}

function liftFileSizeLimit(actor: Actor): boolean {
  const args = ['--pid', String(actor.script.pid), '--fsize=unlimited:unlimited'];
  return spawnSync('prlimit', args).status === 0;
}
