/** Fault 27: the write-ahead log truncated, damaged, deleted or replaced. SQLite calls what is left whole. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { startActor } from './actor.ts';
import { storedIds } from './invariants.ts';
import { openingError } from './open.ts';

const JOBS = 20;

/** A file whose process was killed: all its jobs are in the log only. */
async function killedFile(): Promise<string> {
  const file = join(tempDir('lost-log'), 'q.db');
  await using actor = await startActor({ file });
  for (let job = 0; job < JOBS; job++) await actor.ask({ do: 'add', data: 'x'.repeat(500) });
  await actor.script.kill();
  return file;
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const HEADER = 32;
const FRAME = 24 + 4096;

describe('after kill -9', () => {
  it('an intact log is recovered, and all jobs are there', async () => {
    const file = await killedFile();
    expect(await openingError({ file })).toBeUndefined();
    expect(storedIds(file)).toHaveLength(JOBS);
  });

  it.each<[string, (log: string) => void]>([
    ['deleted', log => rmSync(log)],
    ['emptied', log => truncateSync(log)],
    ['cut in the middle', log => truncateSync(log, statSync(log).size / 2)],
    ['cut in its last frame', log => truncateSync(log, statSync(log).size - 100)],
    ['with a flipped bit in its header', log => flip(log, 17)],
    ['with a flipped bit in its first frame', log => flip(log, HEADER + 500)],
    ['with a flipped bit in the middle', log => flip(log, HEADER + 10 * FRAME + 2000)],
    ['with a flipped bit in its last frame', log => flip(log, statSync(log).size - 2000)],
    ['overwritten with zeros', log => writeFileSync(log, Buffer.alloc(statSync(log).size))],
  ])('a log %s is noticed, and nothing goes on by itself', async (_how, damage) => {
    const file = await killedFile();
    const log = `${file}-wal`;
    damage(log);
    const evidence = existsSync(log) ? readFileSync(log) : undefined;
    expect(await openingError({ file })).toMatchObject({
      code: 'SPILLWAY_SQLITE_LOST_COMMITS',
      message: expect.stringContaining(`${file}-quarantine`),
    });
    expect(JSON.parse(readFileSync(`${file}-quarantine`, 'utf8'))).toMatchObject({ reason: 'lost-commits' });
    // Later starts obey the note, in this process and in others.
    expect(await openingError({ file })).toMatchObject({ code: 'SPILLWAY_SQLITE_QUARANTINED' });
    await using other = await startActor({ file });
    await expect(other.ask({ do: 'add' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_QUARANTINED' });
    // The log as it was found is kept for those who mend it.
    if (evidence !== undefined && evidence.length > 0) {
      expect(readFileSync(`${file}-quarantine-wal`).equals(evidence)).toBe(true);
    }
    expect(existsSync(file)).toBe(true);
  });

  it('whoever accepts the loss goes on with what is left', async () => {
    const file = await killedFile();
    truncateSync(`${file}-wal`, HEADER + 15 * FRAME);
    await openingError({ file });
    rmSync(`${file}-quarantine`);
    rmSync(`${file}-mark`);
    expect(await openingError({ file })).toBeUndefined();
    const left = storedIds(file).length;
    expect(left).toBeLessThan(JOBS);
    await using actor = await startActor({ file });
    await actor.ask({ do: 'add' });
    expect(await actor.ask({ do: 'counts' })).toMatchObject({ waiting: left + 1 });
  });
});

it('an older copy put in its place is noticed', async () => {
  const file = join(tempDir('lost-log'), 'q.db');
  await using actor = await startActor({ file });
  await actor.ask({ do: 'add' });
  await actor.ask({ do: 'close' });
  await actor.script.kill();
  copyFileSync(file, `${file}.old`);
  await using later = await startActor({ file });
  await later.ask({ do: 'add' });
  await later.ask({ do: 'close' });
  await later.script.kill();
  renameSync(`${file}.old`, file);
  expect(await openingError({ file })).toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
});

describe('while it is in use', () => {
  it('the log is deleted: not even the next job is accepted', async () => {
    const file = join(tempDir('lost-log'), 'q.db');
    await using maker = await startActor({ file });
    for (let count = 0; count < 20; count++) {
      await maker.ask({ do: 'add' });
    }
    rmSync(`${file}-wal`);
    await expect(maker.ask({ do: 'add' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
  });

  it.each<[string, (file: string) => void]>([
    ['the log is deleted', file => rmSync(`${file}-wal`)],
    [
      'the log is replaced',
      file => {
        copyFileSync(`${file}-wal`, `${file}-copy`);
        renameSync(`${file}-copy`, `${file}-wal`);
      },
    ],
    ['the database is deleted', file => rmSync(file)],
    [
      'all files are deleted',
      file => {
        for (const name of readdirSync(dirname(file))) {
          if (name.startsWith(basename(file)) && !name.endsWith('-mark')) rmSync(join(dirname(file), name));
        }
      },
    ],
    ['the folder is renamed', file => renameSync(dirname(file), `${dirname(file)}-away`)],
  ])('%s: noticed, and from then on nothing is accepted', async (_how, damage) => {
    const file = join(tempDir('lost-log'), 'folder', 'q.db');
    await using maker = await startActor({ file: join(dirname(dirname(file)), 'unused.db') });
    mkdirSync(dirname(file));
    await maker.ask({ do: 'use-file', path: file });
    await maker.ask({ do: 'add' });
    damage(file);
    // The file is looked at every few ms at most: an add or two may slip through before.
    let accepted = 0;
    const add = () => maker.ask({ do: 'add' });
    const refused = await (async () => {
      for (;;) {
        try {
          await add();
          accepted += 1;
        } catch (error) {
          return error;
        }
      }
    })();
    expect(refused).toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
    for (let again = 0; again < 3; again++) {
      await expect(add()).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
    }
    await maker.script.kill();
    expect(accepted).toBeLessThan(1000);
  });

  it('the folder is renamed, and put back: it goes on where it was', async () => {
    const file = join(tempDir('lost-log'), 'folder', 'q.db');
    mkdirSync(dirname(file));
    await using actor = await startActor({ file });
    const ids = [await actor.ask<string>({ do: 'add' })];
    const away = `${dirname(file)}-away`;
    renameSync(dirname(file), away);
    const refused = await (async () => {
      for (;;) {
        try {
          ids.push(await actor.ask<string>({ do: 'add' }));
        } catch (error) {
          return error;
        }
      }
    })();
    expect(refused).toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
    renameSync(away, dirname(file));
    await vi.waitFor(async () => ids.push(await actor.ask<string>({ do: 'add' })), 5_000);
    expect(await actor.ask({ do: 'counts' })).toMatchObject({ waiting: ids.length });
    expect(await actor.ask({ do: 'check' })).toEqual([]);
    await actor.script.kill();
    await using later = await startActor({ file });
    expect(await later.ask({ do: 'counts' })).toMatchObject({ waiting: ids.length });
  });

  it('a worker on it neither hangs its process nor records its job as failed', async () => {
    const file = join(tempDir('lost-log'), 'q.db');
    await using actor = await startActor({ file });
    await actor.ask({ do: 'work', handler: 'hold', options: { runRetryDelay: 50 } });
    const id = await actor.ask<string>({ do: 'add' });
    await actor.event('run', id);
    rmSync(`${file}-wal`);
    // Until the file is looked at again an add or two may slip through.
    for (;;) {
      const code = await actor.ask({ do: 'add' }).then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
      if (code !== undefined) break;
    }
    await actor.ask({ do: 'release' });
    expect(await actor.event('error')).toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
    // It still answers, and can be closed.
    await expect(actor.ask({ do: 'counts' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_LOST_COMMITS' });
    await actor.ask({ do: 'close' });
    expect(actor.events('completed')).toEqual([]);
    expect(actor.events('failed')).toEqual([]);
  });
});
