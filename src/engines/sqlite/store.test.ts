import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConnectionClosedError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { Refusal } from './codes.ts';
import { READ, WRITE } from './operation.ts';
import { resolveOptions } from './options.ts';
import type { Session } from './session.ts';
import { type Steps, Store } from './store.ts';

const QUEUE = 'bull:jobs';

function openStore(file = join(tempDir('store'), 'q.db')) {
  return new Store(resolveOptions({ file, busyTimeoutMs: 500 }));
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

/** Ends whatever a promise comes to. */
const outcome = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

describe('group commit', () => {
  it('runs the operations of one turn in one commit', async () => {
    const store = openStore();
    await store.run(WRITE, put('first'));
    const before = await store.run(READ, session => session.queues.commits());
    await Promise.all(['a', 'b', 'c'].map(field => store.run(WRITE, put(field))));
    expect(await store.run(READ, session => session.queues.commits())).toBe(before + 1);
    await store.close();
  });

  it('an operation that throws leaves no trace, and takes no neighbour along', async () => {
    const store = openStore();
    const results = await Promise.all([
      outcome(store.run(WRITE, put('a'))),
      outcome(
        store.run(WRITE, session => {
          put('half')(session);
          throw new TypeError('a bug');
        }),
      ),
      outcome(store.run(WRITE, put('b'))),
    ]);
    expect(results).toEqual(['a', expect.any(TypeError), 'b']);
    expect(await store.run(READ, fields)).toEqual(['a', 'b']);
    await store.close();
  });

  it('a statement SQLite refuses leaves no trace either', async () => {
    const store = openStore();
    const bad = (session: Session) => {
      put('half')(session);
      session.queues.setClient('id', 'name', 'not a number' as never, 1);
    };
    const results = await Promise.all([outcome(store.run(WRITE, bad)), outcome(store.run(WRITE, put('b')))]);
    expect(results).toEqual([expect.any(Error), 'b']);
    expect(await store.run(READ, fields)).toEqual(['b']);
    await store.close();
  });

  it('lets the event loop turn between long operations of one turn', async () => {
    const store = openStore();
    const long = (session: Session) => {
      for (const end = performance.now() + 5; performance.now() < end; );
      return put('a')(session);
    };
    await store.run(WRITE, put('a'));
    let turns = 0;
    let running = true;
    const turn = () => {
      turns += 1;
      if (running) setImmediate(turn);
    };
    const all = Promise.all(Array.from({ length: 12 }, () => store.run(WRITE, long)));
    setImmediate(turn);
    await all;
    running = false;
    // 60 ms of work in transactions of 6 ms: one turn after each, whatever else the machine does.
    expect(turns).toBeGreaterThanOrEqual(4);
    await store.close();
  });

  it('a Refusal is an answer: what the operation wrote stays', async () => {
    const store = openStore();
    const refused = store.run(WRITE, session => {
      put('kept')(session);
      throw new Refusal(new Error('no such job'));
    });
    await expect(refused).rejects.toThrow('no such job');
    expect(await store.run(READ, fields)).toEqual(['kept']);
    await store.close();
  });

  it('runs operations in the order they were called, also over several turns and after a failure', async () => {
    const store = openStore();
    const order: number[] = [];
    const pending = Array.from({ length: 100 }, (_, index) =>
      outcome(
        store.run(WRITE, () => {
          if (index === 50 && order.length === 50) throw new Error('once');
          // What the undone batch noted is void.
          order.length = index;
          order.push(index);
        }),
      ),
    );
    await Promise.all(pending);
    expect(order).toHaveLength(100);
    await store.close();
  });
});

describe('a report the disk refuses', () => {
  const REPORT = { ...WRITE, report: true };
  /** What SQLite throws when the disk is full. */
  const diskFull = () => Object.assign(new Error('database or disk is full'), { errcode: 13 });

  it('is tried again until it succeeds, and holds nobody up meanwhile', async () => {
    const store = openStore();
    const troubles: unknown[] = [];
    store.on('unavailable', error => troubles.push(error));
    let full = true;
    const report = (field: string) => (session: Session) => {
      if (full) throw diskFull();
      return put(field)(session);
    };
    const reports = ['a', 'b', 'c'].map(field => store.run(REPORT, report(field)));
    expect(await store.run(WRITE, put('beside'))).toBe('beside');
    expect(await store.run(READ, fields)).toEqual(['beside']);
    expect(await outcome(store.run(WRITE, report('late')))).toMatchObject({ code: 'SPILLWAY_SQLITE_FULL' });
    full = false;
    expect(await Promise.all(reports)).toEqual(['a', 'b', 'c']);
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SPILLWAY_SQLITE_FULL' }));
    expect(await store.run(READ, fields)).toEqual(['a', 'b', 'beside', 'c']);
    await store.close();
  });

  it('one that never fits does not keep the others from being tried', async () => {
    const store = openStore();
    store.on('unavailable', () => undefined);
    let full = true;
    const huge = outcome(
      store.run(REPORT, () => {
        throw diskFull();
      }),
    );
    const small = store.run(REPORT, session => {
      if (full) throw diskFull();
      return put('small')(session);
    });
    await store.run(READ, fields);
    full = false;
    expect(await small).toBe('small');
    await store.close();
    // BullMQ takes this for a lost connection, and doesn't record the job as failed.
    expect(await huge).toMatchObject({ name: 'SqliteUnavailableError', code: 'SPILLWAY_SQLITE_FULL' });
  });
});

describe('a claim that fails', () => {
  const CLAIM = { ...WRITE, claims: true };

  /** Claims as BullMQ's worker does, again at once after each failure; counts the turns of the event loop meanwhile. */
  async function claimTwice(store: Store, claim: () => unknown): Promise<number> {
    let turns = 0;
    let counting = true;
    const turn = () => {
      turns += 1;
      if (counting) setImmediate(turn);
    };
    setImmediate(turn);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await outcome(store.run(CLAIM, claim))).toBeInstanceOf(Error);
    }
    counting = false;
    return turns;
  }

  it('is answered after a pause, so that a worker does not claim at full speed', async () => {
    const store = openStore();
    const full = () => {
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
    };
    expect(await claimTwice(store, full)).toBeGreaterThan(20);
    await store.close();
  });

  it('on a file that is no longer used is answered as a lost connection, after which BullMQ pauses too', async () => {
    const store = openStore();
    const broken = outcome(
      store.run(WRITE, () => {
        throw Object.assign(new Error('database disk image is malformed'), { errcode: 11 });
      }),
    );
    expect(await broken).toMatchObject({ code: 'SPILLWAY_SQLITE_CORRUPT' });
    expect(await outcome(store.run(CLAIM, () => undefined))).toBeInstanceOf(ConnectionClosedError);
    await store.close();
  });
});

describe('after the commit', () => {
  it('a waiter that throws does not make the operations run again', async () => {
    const store = openStore();
    store.on('unavailable', () => undefined);
    await store.run(WRITE, put('first'));
    await store.run(READ, () =>
      store.waiting.add(QUEUE, () => {
        throw new Error('a waiter with a bug');
      }),
    );
    let runs = 0;
    const add = (session: Session) => {
      runs += 1;
      session.emit(session.writable(QUEUE), 'added');
      return 'ok';
    };
    expect(await Promise.all([outcome(store.run(WRITE, add)), outcome(store.run(WRITE, add))])).toEqual([
      'ok',
      'ok',
    ]);
    expect(runs).toBe(2);
    await store.close();
  });

  it.runIf(existsSync('/dev/full'))(
    'a mark that cannot be written is told, and does not make the operations run again',
    async () => {
      const file = join(tempDir('store'), 'q.db');
      await openStore(file).close();
      rmSync(`${file}-mark`);
      symlinkSync('/dev/full', `${file}-mark`);
      const store = openStore(file);
      const troubles: unknown[] = [];
      store.on('unavailable', error => troubles.push(error));
      let runs = 0;
      const add = (session: Session) => {
        runs += 1;
        put('a')(session);
      };
      await Promise.all([store.run(WRITE, add), store.run(WRITE, add)]);
      expect(runs).toBe(2);
      expect(troubles).toMatchObject([{ code: 'SPILLWAY_SQLITE_IO' }]);
      await store.close();
    },
  );
});

describe('runSliced', () => {
  /** Writes `count` fields, a slice each, each taking a millisecond. */
  function* steps(session: Session, count: number, fail = false): Steps<string> {
    for (let index = 0; index < count; index++) {
      put(`slice-${String(index).padStart(3, '0')}`)(session);
      for (const end = performance.now() + 1; performance.now() < end; );
      yield;
    }
    if (fail) throw new Error('in the last slice');
    return 'sliced';
  }

  it('lets the event loop turn, keeps others out, and is there as a whole', async () => {
    const store = openStore();
    await store.run(WRITE, put('a'));
    let turns = 0;
    let running = true;
    const turn = () => {
      turns += 1;
      if (running) setImmediate(turn);
    };
    const sliced = store.runSliced(session => steps(session, 40));
    setImmediate(turn);
    const seen = store.run(READ, fields);
    expect(await sliced).toBe('sliced');
    running = false;
    // 40 ms of work in slices of at most about 6.
    expect(turns).toBeGreaterThan(3);
    expect(await seen).toHaveLength(41);
    await store.close();
  });

  it('leaves nothing behind when a late slice fails; others go on', async () => {
    const store = openStore();
    await store.run(WRITE, put('a'));
    const sliced = outcome(store.runSliced(session => steps(session, 20, true)));
    const after = store.run(WRITE, put('b'));
    expect(await sliced).toMatchObject({ message: 'in the last slice' });
    await after;
    expect(await store.run(READ, fields)).toEqual(['a', 'b']);
    await store.close();
  });

  it('two at once take turns', async () => {
    const store = openStore();
    const one = store.runSliced(session => steps(session, 15));
    const two = store.runSliced(session => steps(session, 20));
    expect(await Promise.all([one, two])).toEqual(['sliced', 'sliced']);
    expect(await store.run(READ, fields)).toHaveLength(20);
    await store.close();
  });

  it('is refused after close, and those called before are waited for', async () => {
    const store = openStore();
    const sliced = ['one', 'two', 'three'].map(() => store.runSliced(session => steps(session, 15)));
    await store.close();
    expect(await Promise.all(sliced)).toEqual(['sliced', 'sliced', 'sliced']);
    await expect(store.runSliced(session => steps(session, 1))).rejects.toMatchObject({
      code: 'SPILLWAY_CLOSED',
    });
  });
});

describe('close', () => {
  it('waits for what was called, and refuses what comes after', async () => {
    const file = join(tempDir('store'), 'q.db');
    const store = openStore(file);
    const pending = ['a', 'b', 'c'].map(field => store.run(WRITE, put(field)));
    const closed = store.close();
    await expect(store.run(WRITE, put('late'))).rejects.toMatchObject({ code: 'SPILLWAY_CLOSED' });
    await closed;
    expect(await Promise.all(pending)).toEqual(['a', 'b', 'c']);
    const again = openStore(file);
    expect(await again.run(READ, fields)).toEqual(['a', 'b', 'c']);
    await again.close();
  });

  it('waits for a long operation and for what waited behind it', async () => {
    const store = openStore();
    const done: string[] = [];
    const sliced = store
      .runSliced(function* () {
        for (let index = 0; index < 10; index++) {
          for (const end = performance.now() + 2; performance.now() < end; );
          yield;
        }
      })
      .then(() => done.push('sliced'));
    const behind = store.run(WRITE, put('a')).then(() => done.push('behind'));
    await store.close();
    await Promise.all([sliced, behind]);
    expect(done).toEqual(['sliced', 'behind']);
  });

  it('ends though another process never lets go of the lock, also with a report on its way', async () => {
    const file = join(tempDir('store'), 'q.db');
    const store = openStore(file);
    await store.run(WRITE, put('a'));
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    try {
      const report = outcome(store.run({ ...WRITE, report: true }, put('b')));
      await store.close();
      expect(await report).toMatchObject({ name: 'SqliteUnavailableError', code: 'SPILLWAY_SQLITE_BUSY' });
    } finally {
      other.close();
    }
  });

  it('may be called twice', async () => {
    const store = openStore();
    await Promise.all([store.close(), store.close()]);
  });
});
