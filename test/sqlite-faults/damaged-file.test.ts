/** Fault 28: garbage in the database, a file that vanished, and a file that several processes make at once. */
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { startActor } from './actor.ts';
import { checkInvariants, storedIds } from './invariants.ts';
import { openingError, openQueue } from './open.ts';

/** A file of a few hundred pages, closed in order. */
async function closedFile(jobs = 200): Promise<string> {
  const file = join(tempDir('damaged'), 'q.db');
  const queue = openQueue({ file });
  await queue.addBulk(Array.from({ length: jobs }, () => ({ name: 'work', data: 'x'.repeat(1500) })));
  await queue.close();
  return file;
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, at);
  writeFileSync(file, content);
}

describe('a damaged file', () => {
  it.each<[string, (file: string) => void]>([
    ['a garbage page', file => overwrite(file, 4096 * 20, Buffer.alloc(4096, 0xa5))],
    ['a bad header', file => overwrite(file, 0, Buffer.from('not a database at all'))],
    ['a garbage first page', file => overwrite(file, 100, Buffer.alloc(3900, 0xff))],
    ['half of it missing', file => truncateSync(file, 4096 * 40)],
  ])('with %s is refused, kept as it is, and refused again', async (_how, damage) => {
    const file = await closedFile();
    damage(file);
    const before = readFileSync(file);
    expect(await openingError({ file })).toMatchObject({ code: 'SPILLWAY_SQLITE_CORRUPT' });
    expect(JSON.parse(readFileSync(`${file}-quarantine`, 'utf8'))).toMatchObject({ reason: 'damaged' });
    expect(await openingError({ file })).toMatchObject({ code: 'SPILLWAY_SQLITE_QUARANTINED' });
    expect(readFileSync(file).equals(before), 'nothing in it was changed').toBe(true);
  });

  it('a restored backup is accepted once the note is gone', async () => {
    const file = await closedFile();
    const backup = readFileSync(file);
    overwrite(file, 4096 * 20, Buffer.alloc(4096, 0xa5));
    await openingError({ file });
    writeFileSync(file, backup);
    rmSync(`${file}-quarantine`);
    expect(await openingError({ file })).toBeUndefined();
    expect(checkInvariants(file)).toEqual([]);
  });

  it.each<[string, (file: string) => void]>([
    ['gone', file => rmSync(file)],
    ['empty', file => truncateSync(file)],
  ])('that is %s though its mark says it held jobs is not made anew', async (_how, damage) => {
    const file = await closedFile(3);
    damage(file);
    const existed = existsSync(file);
    for (let start = 0; start < 2; start++) {
      expect(await openingError({ file })).toMatchObject({
        code: 'SPILLWAY_SQLITE_LOST_COMMITS',
        message: expect.stringContaining(`${file}-mark`),
      });
    }
    expect(existsSync(file)).toBe(existed);
    // Deleting the mark too is how to start over on purpose.
    rmSync(`${file}-mark`);
    expect(await openingError({ file })).toBeUndefined();
    expect(storedIds(file)).toEqual([]);
  });
});

describe('a file that does not exist yet', () => {
  it('may be made by several processes at once', async () => {
    const folder = tempDir('made-at-once');
    const actors = await Promise.all(Array.from({ length: 4 }, () => startActor({ file: ':memory:' })));
    try {
      for (let round = 0; round < 15; round++) {
        const file = join(folder, `q-${round}.db`);
        await Promise.all(actors.map(actor => actor.ask({ do: 'use-file', path: file })));
        const ids = await Promise.all(actors.map(actor => actor.ask<string>({ do: 'add' })));
        expect(ids.sort(), `round ${round}`).toEqual(['1', '2', '3', '4']);
        expect(checkInvariants(file)).toEqual([]);
      }
    } finally {
      for (const actor of actors) await actor.script.kill();
    }
  });
});
