import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { type Companion, type CompanionHandle, openCompanion } from './companion.ts';
import { createSqliteBackend } from './index.ts';
import type { SqliteConnectionOptions } from './options.ts';
import type { Prepared } from './sql/prepare.ts';

interface Notes {
  add: Prepared;
  all: Prepared;
}

const notes: Companion<Notes> = {
  schema: 'CREATE TABLE IF NOT EXISTS note (text TEXT PRIMARY KEY) STRICT;',
  statements: prepare => ({
    add: prepare('INSERT INTO note (text) VALUES (?)'),
    all: prepare('SELECT text FROM note ORDER BY rowid'),
  }),
};

async function withNotes(
  run: (handle: CompanionHandle<Notes>, file: string) => Promise<void>,
  options: Partial<SqliteConnectionOptions> = {},
): Promise<void> {
  const file = join(tempDir('companion'), 'q.db');
  const handle = openCompanion({ file, ...options }, notes);
  // The tables are there.
  await handle.read(() => 0);
  try {
    await run(handle, file);
  } finally {
    await handle.release();
  }
}

const all = (handle: CompanionHandle<Notes>) => handle.read(({ all }) => all.all().map(([text]) => text));

describe('a companion', () => {
  it('shares one transaction with the jobs of a turn, and what throws is undone alone', async () => {
    await withNotes(async (handle, file) => {
      const queue = new Queue('jobs', { connection: { file } as never }, createSqliteBackend as never);
      const results = await Promise.allSettled([
        handle.write(({ add }) => add.run('a')),
        queue.add('work', {}, { jobId: 'b' }),
        handle.write(({ add }) => {
          add.run('half');
          throw new TypeError('a bug');
        }),
        handle.write(({ all }, jobs) => [all.all().length, jobs.has('bull:jobs', 'b')]),
      ]);
      expect(results.map(result => result.status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      expect(results[3]).toMatchObject({ value: [1, true] });
      expect(await all(handle)).toEqual(['a']);
      await queue.close();
    });
  });

  it('changes a lot in slices, all of it or nothing', async () => {
    await withNotes(async handle => {
      const fill = (end: number, fail: boolean) =>
        handle.writeSliced(function* ({ add }) {
          for (let n = 0; n < end; n++) {
            add.run(`${n}`);
            yield;
          }
          if (fail) throw new TypeError('a bug');
          return end;
        });
      await expect(fill(500, true)).rejects.toThrow('a bug');
      expect(await all(handle)).toEqual([]);
      expect(await fill(500, false)).toBe(500);
      expect(await all(handle)).toHaveLength(500);
    });
  });

  it('is told of commits of others, not of its own process', async () => {
    await withNotes(async (handle, file) => {
      let told = 0;
      const stop = handle.onForeignCommit(() => {
        told += 1;
      });
      const other = new DatabaseSync(file);
      other.exec("INSERT INTO note (text) VALUES ('from outside')");
      await expect.poll(() => told, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(await all(handle)).toEqual(['from outside']);
      stop();
      const before = told;
      other.exec("INSERT INTO note (text) VALUES ('again')");
      await handle.write(({ add }) => add.run('own'));
      expect(told).toBe(before);
      other.close();
    });
  });

  it('waits with a report as long as another process holds the file; other changes fail in time', async () => {
    await withNotes(
      async (handle, file) => {
        const other = new DatabaseSync(file);
        other.exec('BEGIN IMMEDIATE');
        const report = handle.write(({ add }) => add.run('report'), { report: true });
        await expect(handle.write(({ add }) => add.run('change'))).rejects.toMatchObject({
          code: 'SPILLWAY_SQLITE_BUSY',
        });
        expect(await all(handle)).toEqual([]);
        other.exec('COMMIT');
        other.close();
        expect(await report).toBe(1);
        expect(await all(handle)).toEqual(['report']);
      },
      { busyTimeoutMs: 100 },
    );
  });

  it('a schema SQLite refuses leaves nothing open', async () => {
    const file = join(tempDir('companion'), 'q.db');
    const bad = { ...notes, schema: 'CREATE TABLE oh no' };
    const handle = openCompanion({ file }, bad);
    await expect(handle.read(() => 0)).rejects.toThrow('syntax error');
    await handle.release();
    // The last share closes the file, and SQLite then removes its log.
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  it('answers nothing after its release', async () => {
    await withNotes(async handle => {
      const before = handle.write(({ add }) => add.run('before'));
      const released = handle.release();
      await expect(handle.write(({ add }) => add.run('after'))).rejects.toMatchObject({
        code: 'SPILLWAY_CLOSED',
      });
      await expect(handle.read(() => 1)).rejects.toMatchObject({ code: 'SPILLWAY_CLOSED' });
      expect(await before).toBe(1);
      await released;
    });
  });
});
