import { copyFileSync, fdatasync, fdatasyncSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConnectionClosedError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { DiskCalls } from './log-file.ts';
import { type OperationKind, READ, WRITE } from './operation.ts';
import { resolveOptions, type SqliteConnectionOptions } from './options.ts';
import type { Session } from './session.ts';
import { Store } from './store.ts';

const QUEUE = 'bull:jobs';
const CLAIM: OperationKind = { access: 'write', claims: true };

/** A disk that is asked for real, and answers when the test lets it. */
class Disk implements DiskCalls {
  /** How often it was asked, on the spot and aside. */
  inPlace = 0;
  aside = 0;
  /** Whether it answers by itself. */
  free = true;
  fault: Error | undefined;
  /** Whether an fsync takes two milliseconds by its own clock, or no time at all. */
  slow = true;
  #clock = 0;
  #waiting: (() => void)[] = [];
  #asked: (() => void) | undefined;

  now(): number {
    if (this.slow) this.#clock += 2;
    return this.#clock;
  }

  sync(handle: number): void {
    this.inPlace += 1;
    if (this.fault !== undefined) throw this.fault;
    fdatasyncSync(handle);
  }

  syncAside(handle: number, done: (error: Error | null) => void): void {
    this.aside += 1;
    const answer = () => fdatasync(handle, error => done(this.fault ?? error));
    if (this.free) answer();
    else this.#waiting.push(answer);
    this.#asked?.();
  }

  /** Resolves once an fsync has been asked for that it has not answered. */
  async isAsked(): Promise<void> {
    if (this.#waiting.length === 0) await new Promise<void>(resolve => (this.#asked = resolve));
  }

  letGo(): void {
    for (const answer of this.#waiting.splice(0)) answer();
  }
}

function openStore(disk: Disk, options: Partial<SqliteConnectionOptions> = {}) {
  const file = join(tempDir('commits'), 'q.db');
  return new Store(resolveOptions({ file, ...options }), disk);
}

/** A write that shows in the queue's meta. */
const put = (field: string) => (session: Session) => {
  session.queues.setMeta(session.writable(QUEUE).num, field, '1');
  return field;
};
const fields = (session: Session) =>
  session.queues
    .meta(session.queue(QUEUE).num)
    .map(row => String(row[0]))
    .sort();
const outcome = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

/** Starts writes of these fields, and waits until they are in the log and the disk is asked to keep them. */
async function begin(store: Store, disk: Disk, ...names: string[]) {
  disk.free = false;
  const settled: string[] = [];
  const writes = names.map(name => store.run(WRITE, put(name)).then(() => settled.push(name)));
  await disk.isAsked();
  return { settled, done: Promise.all(writes) };
}

describe('before an acknowledgement', () => {
  it('the log is on the disk: nothing is answered until it says so', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { settled, done } = await begin(store, disk, 'a', 'b');
    // What a read answers came after the commit.
    expect(await store.run(READ, fields)).toEqual(['a', 'b']);
    expect(settled).toEqual([]);
    disk.letGo();
    await done;
    expect(settled).toEqual(['a', 'b']);
    expect(disk.aside).toBe(1);
    await store.close();
  });

  it('what is called meanwhile shares the next fsync', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { done } = await begin(store, disk, 'a', 'b');
    const later = ['c', 'd', 'e'].map(name => store.run(WRITE, put(name)));
    disk.free = true;
    disk.letGo();
    await Promise.all([done, ...later]);
    expect(disk.aside).toBe(2);
    await store.close();
  });

  it('a claim goes on meanwhile, unless something that needs the disk is in front of it', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { settled, done } = await begin(store, disk, 'a', 'b');
    expect(await store.run(CLAIM, put('claimed'))).toBe('claimed');
    const order: string[] = [];
    const behind = [
      store.run(WRITE, put('c')).then(name => order.push(name)),
      store.run(CLAIM, fields).then(names => order.push(names.join())),
    ];
    expect(settled).toEqual([]);
    disk.free = true;
    disk.letGo();
    await Promise.all([done, ...behind]);
    expect(order).toEqual(['c', 'a,b,c,claimed']);
    await store.close();
  });

  it('what is called in one turn stays together, also where a part of it could go on', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { done } = await begin(store, disk, 'a', 'b');
    const order: string[] = [];
    const together = [
      store.run(READ, fields).then(names => order.push(names.join())),
      store.run(WRITE, put('c')).then(name => order.push(name)),
    ];
    const after = store.run(WRITE, session => order.push(`after ${fields(session).join()}`));
    await new Promise(setImmediate);
    expect(order).toEqual([]);
    disk.free = true;
    disk.letGo();
    await Promise.all([done, ...together, after]);
    expect(order).toEqual(['after a,b,c', 'a,b', 'c']);
    expect(disk.aside).toBe(2);
    await store.close();
  });

  it('what was seen is on the disk as well: also what another process wrote, where nothing is written', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const disk2 = new Disk();
    const other = new Store(store.options, disk2);
    await store.run({ ...READ, durable: true }, fields);
    const { done } = await begin(other, disk2, 'a', 'b');
    // The other's answer is still out, and may never come.
    expect(await store.run(READ, fields)).toEqual(['a', 'b']);
    expect(disk.aside).toBe(1);
    expect(await store.run({ ...READ, durable: true }, fields)).toEqual(['a', 'b']);
    expect(disk.aside).toBe(2);
    expect(await store.run({ ...READ, durable: true }, fields)).toEqual(['a', 'b']);
    expect(disk.aside).toBe(2);
    disk2.letGo();
    await done;
    await Promise.all([store.close(), other.close()]);
  });

  it('a durable read waits for what it sees', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { settled, done } = await begin(store, disk, 'a', 'b');
    const read = store.run({ ...READ, durable: true }, fields).then(names => settled.push(names.join()));
    await new Promise(setImmediate);
    expect(settled).toEqual([]);
    disk.free = true;
    disk.letGo();
    await Promise.all([done, read]);
    expect(settled).toEqual(['a', 'b', 'a,b']);
    await store.close();
  });

  it('who waited for the change is told before the disk has answered', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    disk.slow = false;
    await store.run(WRITE, put('first'));
    disk.free = false;
    const woken = new Promise<string[]>(resolve => {
      store.waiting.add(QUEUE, session => {
        resolve(fields(session));
        return true;
      });
    });
    const emit = (session: Session) => session.emit(session.writable(QUEUE), 'added');
    const write = store.run(WRITE, emit).then(() => 'stored');
    expect(await Promise.race([woken, write])).toEqual(['first']);
    disk.letGo();
    expect(await write).toBe('stored');
    expect(disk).toMatchObject({ inPlace: 0, aside: 2 });
    await store.close();
  });

  it('on a quick disk there is no detour by another thread; on a slow one, or one not known, there is', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    disk.slow = false;
    await store.run(WRITE, put('a'));
    expect(disk).toMatchObject({ inPlace: 0, aside: 1 });
    await Promise.all(['b', 'c'].map(name => store.run(WRITE, put(name))));
    expect(disk).toMatchObject({ inPlace: 1, aside: 1 });
    disk.slow = true;
    await store.run(WRITE, put('d'));
    await store.run(WRITE, put('e'));
    expect(disk).toMatchObject({ inPlace: 2, aside: 2 });
    await store.close();
  });

  it('a sliced operation waits for the disk too', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    disk.free = false;
    let done = false;
    const sliced = store
      .runSliced(function* (session) {
        put('a')(session);
        yield;
      })
      .then(() => (done = true));
    await disk.isAsked();
    expect(done).toBe(false);
    disk.letGo();
    await sliced;
    await store.close();
  });

  it('a sliced operation begins when nothing is on its way any more', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { settled, done } = await begin(store, disk, 'a', 'b');
    const sliced = store.runSliced(function* () {
      settled.push('sliced');
      yield;
    });
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    expect(settled).toEqual([]);
    disk.free = true;
    disk.letGo();
    await Promise.all([done, sliced]);
    expect(settled).toEqual(['a', 'b', 'sliced']);
    await store.close();
  });

  it('close waits for the disk', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    const { settled, done } = await begin(store, disk, 'a', 'b');
    const closed = store.close().then(() => settled.push('closed'));
    disk.letGo();
    await Promise.all([done, closed]);
    expect(settled).toEqual(['a', 'b', 'closed']);
  });

  it.each([{ durability: 'normal' as const }, { file: ':memory:' }])(
    'nothing is asked of the disk with %o',
    async options => {
      const disk = new Disk();
      const store = openStore(disk, options);
      await Promise.all([store.run(WRITE, put('a')), store.run(WRITE, put('b'))]);
      await store.run(WRITE, put('c'));
      await store.runSliced(function* (session) {
        yield;
        put('d')(session);
      });
      expect(disk).toMatchObject({ inPlace: 0, aside: 0 });
      await store.close();
    },
  );
});

describe('a disk that fails to keep the log', () => {
  const fault = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });

  it.each([
    ['on another thread', ['a', 'b']],
    ['on the spot', ['a']],
  ])('%s: nothing is acknowledged any more, and the file stays where it is', async (where, names) => {
    const disk = new Disk();
    const store = openStore(disk);
    const { file } = store.options;
    disk.slow = where === 'on another thread';
    await store.run(WRITE, put('kept'));
    const troubles: unknown[] = [];
    store.on('broken', error => troubles.push(error));
    disk.fault = fault;
    const failed = { code: 'SPILLWAY_SQLITE_NOT_KEPT', cause: fault, message: expect.stringContaining(file) };
    for (const error of await Promise.all(names.map(name => outcome(store.run(WRITE, put(name)))))) {
      expect(error).toMatchObject(failed);
    }
    disk.fault = undefined;
    expect(await outcome(store.run(WRITE, put('late')))).toMatchObject(failed);
    // BullMQ takes this for a lost connection, and doesn't record a job that ran as failed.
    expect(await outcome(store.run({ ...WRITE, report: true }, put('report')))).toBeInstanceOf(
      ConnectionClosedError,
    );
    expect(troubles).toMatchObject([failed]);
    await store.close();
    const again = new Store(resolveOptions({ file }), disk);
    expect(await again.run(READ, fields)).toContain('kept');
    await again.close();
  });

  it('under a sliced operation: the same', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    store.on('broken', () => undefined);
    disk.fault = fault;
    const sliced = store.runSliced(function* (session) {
      put('a')(session);
      yield;
    });
    expect(await outcome(sliced)).toMatchObject({ code: 'SPILLWAY_SQLITE_NOT_KEPT' });
    expect(await outcome(store.run(WRITE, put('late')))).toMatchObject({ code: 'SPILLWAY_SQLITE_NOT_KEPT' });
    await store.close();
  });

  it('a sliced operation behind it is not begun, and a start after it brings the log into the database', async () => {
    const disk = new Disk();
    const store = openStore(disk);
    store.on('broken', () => undefined);
    const { done } = await begin(store, disk, 'a', 'b');
    let begun = false;
    const sliced = outcome(
      store.runSliced(function* () {
        begun = true;
        yield;
      }),
    );
    disk.fault = fault;
    disk.letGo();
    const failed = { code: 'SPILLWAY_SQLITE_NOT_KEPT' };
    expect(await outcome(done)).toMatchObject(failed);
    expect(await sliced).toMatchObject(failed);
    expect(begun).toBe(false);
    // Not closed, as after a kill. What the log holds must not stay there alone.
    const again = new Store(store.options, new Disk());
    const alone = join(tempDir('commits'), 'without-log.db');
    copyFileSync(store.options.file, alone);
    const database = new DatabaseSync(alone);
    expect(database.prepare('SELECT field FROM meta').all()).toMatchObject([{ field: 'a' }, { field: 'b' }]);
    await again.close();
    database.close();
    await store.close();
  });
});
