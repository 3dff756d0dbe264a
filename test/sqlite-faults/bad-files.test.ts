/** What can be wrong with the path, the folder, the rights and the options; and whose file it is. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { SqliteConnectionOptions } from '../../src/engines/sqlite/index.ts';
import { withoutPrivileges } from '../faults/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { startActor } from './actor.ts';
import { openingError, openQueue } from './open.ts';

const folder = () => tempDir('bad-files');

describe('a file that cannot be used is refused with words that help', () => {
  it('a folder', async () => {
    const file = folder();
    expect(await openingError({ file })).toMatchObject({
      code: 'SPILLWAY_SQLITE_OPEN',
      message: expect.stringContaining('folder'),
    });
  });

  it('in a folder that does not exist', async () => {
    const file = join(folder(), 'missing', 'q.db');
    expect(await openingError({ file })).toMatchObject({
      code: 'SPILLWAY_SQLITE_OPEN',
      message: expect.stringContaining('mkdir'),
    });
  });

  it('in a folder that is a file', async () => {
    const file = join(folder(), 'file');
    writeFileSync(file, '');
    expect(await openingError({ file: join(file, 'q.db') })).toMatchObject({ code: 'SPILLWAY_SQLITE_OPEN' });
  });

  it('a device', async () => {
    expect(await openingError({ file: '/dev/null' })).toMatchObject({
      code: expect.stringMatching(/SPILLWAY_SQLITE_(OPEN|NETWORK_DISK)/),
    });
  });

  it('not a database, and it is left as it is', async () => {
    const file = join(folder(), 'letter.txt');
    writeFileSync(file, 'Dear Sir or Madam, this is no database.\n', { mode: 0o644 });
    expect(await openingError({ file })).toMatchObject({
      code: 'SPILLWAY_SQLITE_OPEN',
      message: expect.stringContaining('not a SQLite database'),
    });
    expect(readFileSync(file, 'utf8')).toContain('Dear Sir');
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(existsSync(`${file}-quarantine`)).toBe(false);
  });

  it('another program’s database, and it is left as it is', async () => {
    const file = join(folder(), 'theirs.db');
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)');
    db.exec("INSERT INTO users (name) VALUES ('Ada')");
    db.close();
    chmodSync(file, 0o644);
    const before = readFileSync(file);
    expect(await openingError({ file })).toMatchObject({
      code: 'SPILLWAY_SQLITE_OPEN',
      message: expect.stringContaining('another program'),
    });
    expect(readFileSync(file).equals(before), 'not a byte was changed').toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  it('another program’s database with a version of its own', async () => {
    const file = join(folder(), 'theirs.db');
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); PRAGMA user_version = 1');
    db.close();
    const before = readFileSync(file);
    expect(await openingError({ file })).toMatchObject({ code: 'SPILLWAY_SQLITE_OPEN' });
    expect(readFileSync(file).equals(before), 'not a byte was changed').toBe(true);
  });

  it('of a newer Spillway', async () => {
    const file = join(folder(), 'q.db');
    await openQueue({ file }).close();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(await openingError({ file })).toMatchObject({
      code: 'SPILLWAY_SQLITE_NEWER_SCHEMA',
      details: { found: 99 },
    });
    expect(existsSync(`${file}-quarantine`)).toBe(false);
  });

  it.each(['the folder', 'the file'])('%s read-only for this user', async what => {
    const privileges = withoutPrivileges();
    if (!privileges.possible) throw new Error(privileges.reason);
    const inside = join(folder(), 'inside');
    mkdirSync(inside);
    const file = join(inside, 'q.db');
    if (what === 'the file') {
      const queue = openQueue({ file });
      await queue.add('work', {});
      await queue.close();
      chmodSync(file, 0o400);
    } else chmodSync(inside, 0o555);
    await using actor = await startActor({ file }, { runner: privileges });
    await expect(actor.ask({ do: 'add' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_READ_ONLY' });
    chmodSync(inside, 0o755);
  });
});

describe('options', () => {
  const file = 'q.db';
  it.each<[string, unknown]>([
    ['connection', undefined],
    ['connection', null],
    ['connection', 'q.db'],
    ['connection.file', {}],
    ['connection.file', { file: '' }],
    ['connection.file', { file: 42 }],
    ['connection.file', { file: 'a\0b' }],
    ['connection.durability', { file, durability: 'none' }],
    ['connection.durability', { file, durability: null }],
    ['connection.busyTimeoutMs', { file, busyTimeoutMs: 99 }],
    ['connection.busyTimeoutMs', { file, busyTimeoutMs: 600_001 }],
    ['connection.busyTimeoutMs', { file, busyTimeoutMs: Number.NaN }],
    ['connection.busyTimeoutMs', { file, busyTimeoutMs: Number.POSITIVE_INFINITY }],
    ['connection.busyTimeoutMs', { file, busyTimeoutMs: '500' }],
  ])('%s: %j is refused by its name', async (option, connection) => {
    expect(await openingError(connection as SqliteConnectionOptions)).toMatchObject({
      code: 'SPILLWAY_INVALID_OPTION',
      message: expect.stringContaining(`Option ${option} must be`),
      details: { option },
    });
    expect(existsSync(file)).toBe(false);
  });

  it('two durabilities on one file are refused, by whatever path; one after the other they are fine', async () => {
    const path = join(folder(), 'q.db');
    const queue = openQueue({ file: path });
    const link = join(folder(), 'link.db');
    symlinkSync(path, link);
    for (const other of [path, link]) {
      expect(await openingError({ file: other, durability: 'normal' })).toMatchObject({
        code: 'SPILLWAY_INVALID_OPTION',
        message: expect.stringContaining('durability'),
      });
    }
    await queue.close();
    expect(await openingError({ file: path, durability: 'normal' })).toBeUndefined();
    expect(await openingError({ file: path })).toBeUndefined();
  });

  it('a fractional busyTimeoutMs is taken', async () => {
    expect(await openingError({ file: join(folder(), 'q.db'), busyTimeoutMs: 150.5 })).toBeUndefined();
  });

  it('paths may hold spaces, quotes, percent signs, question marks and any letters', async () => {
    const file = join(folder(), 'it\'s 100% a "queue"? #1 ünï 🚰.db');
    const queue = openQueue({ file });
    await queue.add('work', {});
    await queue.close();
    expect(existsSync(file)).toBe(true);
    expect(await openingError({ file })).toBeUndefined();
  });
});

it('nobody else may read the file, its log, its shared memory and its mark', async () => {
  const old = process.umask(0);
  try {
    const file = join(folder(), 'q.db');
    const queue = openQueue({ file });
    await queue.add('work', {});
    const modes = () =>
      Object.fromEntries(
        ['', '-wal', '-shm', '-mark'].map(end => [end, (statSync(file + end).mode & 0o777).toString(8)]),
      );
    const all600 = { '': '600', '-wal': '600', '-shm': '600', '-mark': '600' };
    expect(modes()).toEqual(all600);
    await queue.close();
    // Made by somebody less careful: closed again at the next start.
    chmodSync(file, 0o644);
    chmodSync(`${file}-mark`, 0o644);
    const again = openQueue({ file });
    await again.add('work', {});
    expect(modes()).toMatchObject({ '': '600', '-wal': '600', '-shm': '600' });
    await again.close();
  } finally {
    process.umask(old);
  }
});
