/** Fault 26: another process holds the write lock. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { startActor } from './actor.ts';
import { checkInvariants } from './invariants.ts';

const holders: DatabaseSync[] = [];
afterEach(() => {
  for (const holder of holders.splice(0)) holder.close();
});

/** Takes the write lock, as a backup or a shell in a transaction does; returns what lets go of it. */
function lock(file: string): () => void {
  const db = new DatabaseSync(file, { timeout: 10_000 });
  holders.push(db);
  db.exec('BEGIN IMMEDIATE');
  return () => db.exec('ROLLBACK');
}

it('an add waits for the lock, within busyTimeoutMs', async () => {
  const file = join(tempDir('locked'), 'q.db');
  await using actor = await startActor({ file, busyTimeoutMs: 600_000 });
  await actor.ask({ do: 'add' });
  await actor.ask({ do: 'count-turns' });
  const letGo = lock(file);
  const added = actor.ask<string>({ do: 'add' });
  // Many turns later it has neither failed nor succeeded.
  const before = await actor.ask<number>({ do: 'turns' });
  while ((await actor.ask<number>({ do: 'turns' })) < before + 20);
  letGo();
  expect(await added).toBe('2');
  expect(checkInvariants(file)).toEqual([]);
});

it('an add fails with SPILLWAY_SQLITE_BUSY after busyTimeoutMs; the event loop turns meanwhile', async () => {
  const file = join(tempDir('locked'), 'q.db');
  await using actor = await startActor({ file, busyTimeoutMs: 500 });
  await actor.ask({ do: 'add' });
  await actor.ask({ do: 'count-turns' });
  const letGo = lock(file);
  const before = await actor.ask<number>({ do: 'turns' });
  await expect(actor.ask({ do: 'add' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_BUSY' });
  // Each try blocks for a few ms: a hundred of them fit in, on a busy machine fewer; one long wait would leave one or two.
  expect((await actor.ask<number>({ do: 'turns' })) - before).toBeGreaterThan(10);
  letGo();
  // Nothing of it was written; the next takes its place.
  expect(await actor.ask({ do: 'add' })).toBe('2');
  expect(await actor.ask({ do: 'counts' })).toMatchObject({ waiting: 2 });
  expect(checkInvariants(file)).toEqual([]);
});

it('a look is answered while another process writes', async () => {
  const file = join(tempDir('locked'), 'q.db');
  await using actor = await startActor({ file, busyTimeoutMs: 500 });
  await actor.ask({ do: 'add' });
  const letGo = lock(file);
  expect(await actor.ask({ do: 'counts' })).toMatchObject({ waiting: 1 });
  letGo();
});

it('a job that finishes meanwhile is completed afterwards, however long it takes', async () => {
  const file = join(tempDir('locked'), 'q.db');
  await using actor = await startActor({ file, busyTimeoutMs: 100 });
  await actor.ask({ do: 'work', handler: 'hold', options: { lockDuration: 3_600_000, runRetryDelay: 50 } });
  const id = await actor.ask<string>({ do: 'add' });
  await actor.event('run', id);
  const letGo = lock(file);
  await actor.ask({ do: 'release' });
  // Longer than busyTimeoutMs: three adds in turn give up.
  for (let round = 0; round < 3; round++) {
    await expect(actor.ask({ do: 'add' })).rejects.toMatchObject({ code: 'SPILLWAY_SQLITE_BUSY' });
  }
  expect(actor.events('failed')).toEqual([]);
  letGo();
  await actor.event('completed', id);
  expect(actor.events('failed')).toEqual([]);
  expect(await actor.ask({ do: 'state', id })).toBe('completed');
  expect(checkInvariants(file)).toEqual([]);
});
