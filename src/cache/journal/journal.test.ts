import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { type Change, Journal } from './index.ts';

function journalOf(path: string | undefined, more: { mostChanges?: number; redis?: string } = {}) {
  const seen = { overflows: [] as string[], troubles: [] as unknown[] };
  const journal = new Journal({
    path,
    redis: 'one',
    overflow: base => seen.overflows.push(base),
    trouble: error => seen.troubles.push(error),
    ...more,
  });
  onTestFinished(() => journal.close());
  return { journal, ...seen };
}

const deletion = (name: string, version: number, base = 'b:'): Change => ({
  kind: 'delete',
  name,
  base,
  version,
});
const put = (name: string, version: number): Change => ({
  ...{ kind: 'put', name, base: 'b:', version },
  ...{ frame: Buffer.from([0, 255, version]), ms: 1000, reloadable: false },
});
const sorted = (changes: Change[]) => changes.toSorted((a, b) => (a.name < b.name ? -1 : 1));

it('keeps the newest change of each name, over all processes that share the file, and over their end', async () => {
  const path = join(tempDir('journal'), 'journal.db');
  const { journal: one } = journalOf(path);
  const { journal: other } = journalOf(path);
  await one.record(put('a', 1));
  await one.record(deletion('a', 5));
  await one.record(put('a', 3));
  await other.record(put('a', 4));
  await other.record(put('\u0000name', 2));
  one.close();
  expect(sorted(other.all())).toEqual([put('\u0000name', 2), deletion('a', 5)]);
  expect(other.find('a')).toEqual(deletion('a', 5));
  const { journal: later } = journalOf(path);
  expect(sorted(later.all())).toEqual([put('\u0000name', 2), deletion('a', 5)]);
  expect(journalOf(path, { redis: 'another' }).journal.all()).toEqual([]);
  later.done([deletion('a', 5)]);
  expect(journalOf(path).journal.all()).toEqual([put('\u0000name', 2)]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('does not take for done what is newer', async () => {
  const { journal } = journalOf(join(tempDir('journal'), 'journal.db'));
  await journal.record(deletion('a', 5));
  journal.done([deletion('a', 4)]);
  expect(journal.has('a')).toBe(true);
  expect(journal.all()).toEqual([deletion('a', 5)]);
});

it('tells of what other processes recorded, once', async () => {
  const path = join(tempDir('journal'), 'journal.db');
  const { journal: one } = journalOf(path);
  const { journal: other } = journalOf(path);
  await one.record(deletion('a', 1));
  expect(one.news()).toEqual([]);
  expect(other.news()).toEqual([{ name: 'a', version: 1 }]);
  expect(other.news()).toEqual([]);
  expect(other.has('a')).toBe(true);
  other.allDone();
  expect(other.has('a')).toBe(false);
  await one.record(deletion('a', 2));
  expect(other.news()).toEqual([{ name: 'a', version: 2 }]);
});

it('counts the whole namespace as changed when there is more than it holds', async () => {
  const path = join(tempDir('journal'), 'journal.db');
  const { journal, overflows } = journalOf(path, { mostChanges: 3 });
  await journal.record(deletion('b:other', 1, 'other:'));
  for (let version = 2; version < 9; version++) await journal.record(deletion(`b:${version}`, version));
  expect(overflows[0]).toBe('b:');
  expect(journal.size).toBeLessThanOrEqual(3);
  const whole = journalOf(path)
    .journal.all()
    .find(change => change.kind === 'tag');
  expect(whole).toMatchObject({ name: 'b:t:=', base: 'b:' });
  expect(whole?.version).toBeGreaterThanOrEqual(4);
});

it('goes on in memory when the file cannot be used, and says so once', async () => {
  const folder = tempDir('journal');
  writeFileSync(join(folder, 'garbage'), 'x'.repeat(5000));
  for (const path of [join(folder, 'garbage'), join(folder, 'no/such/folder'), folder]) {
    const { journal, troubles } = journalOf(path);
    await journal.record(deletion('a', 1));
    await journal.record(deletion('b', 1));
    expect(sorted(journal.all())).toEqual([deletion('a', 1), deletion('b', 1)]);
    expect(troubles).toHaveLength(1);
  }
});

it('writes what it could not while another process held the file', async () => {
  const path = join(tempDir('journal'), 'journal.db');
  const { journal, troubles } = journalOf(path);
  await journal.record(deletion('a', 1));
  const holder = new DatabaseSync(path);
  holder.exec('BEGIN IMMEDIATE');
  await journal.record(deletion('b', 1));
  expect(journal.has('b')).toBe(true);
  holder.exec('COMMIT');
  holder.close();
  journal.close();
  expect(troubles).toHaveLength(2);
  expect(sorted(journalOf(path).journal.all())).toEqual([deletion('a', 1), deletion('b', 1)]);
});
