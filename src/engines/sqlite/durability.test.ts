import { fdatasyncSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { type SeededRandom, seededRandom, testSeed } from '../../../test/support/random.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { DiskCalls } from './log-file.ts';
import type { OperationKind } from './operation.ts';
import { resolveOptions } from './options.ts';
import type { Session } from './session.ts';
import { Store } from './store.ts';

const QUEUE = 'bull:jobs';
const STEPS = 1500;

/** The number in the file, as the next transaction sees it. */
const look = (session: Session) =>
  Number(session.queues.meta(session.queue(QUEUE).num).find(([field]) => field === 'n')?.[1] ?? 0);
const raise = (session: Session) => {
  const next = look(session) + 1;
  session.queues.setMeta(session.writable(QUEUE).num, 'n', String(next));
  return next;
};

/** What is committed counts up; an fsync covers what was committed when it began. */
class Disk implements DiskCalls {
  /** Covered by an fsync that has returned, of whatever process. */
  static covered = 0;
  readonly #random: SeededRandom;
  readonly #committed: () => number;
  #clock = 0;

  constructor(random: SeededRandom, committed: () => number) {
    this.#random = random;
    this.#committed = committed;
  }

  now(): number {
    return this.#clock;
  }

  sync(handle: number): void {
    const covers = this.#begin();
    fdatasyncSync(handle);
    Disk.covered = Math.max(Disk.covered, covers);
  }

  syncAside(_handle: number, done: (error: Error | null) => void): void {
    const covers = this.#begin();
    let turns = this.#random.int(0, 6);
    const turn = () => {
      if (turns-- > 0) return void setImmediate(turn);
      Disk.covered = Math.max(Disk.covered, covers);
      done(null);
    };
    setImmediate(turn);
  }

  /** Some are quick and some are slow, so that some of the next are made on the spot. */
  #begin(): number {
    this.#clock += this.#random.int(0, 1) * 5;
    return this.#committed();
  }
}

it('whatever is called, in whatever order, by several processes: no durable answer is ahead of the disk', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const file = join(tempDir('durability'), 'q.db');
  await new Store(resolveOptions({ file })).close();
  const eye = new DatabaseSync(file);
  onTestFinished(() => eye.close());
  const value = eye.prepare("SELECT value FROM meta WHERE field = 'n'");
  const open = (durability: 'full' | 'normal') => {
    const disk = new Disk(random, () => Number(value.get()?.value ?? 0));
    return { durability, store: new Store(resolveOptions({ file, durability }), disk) };
  };
  Disk.covered = 0;
  const processes = [open('full'), open('full'), open('normal')];
  const ahead: string[] = [];
  let answers = 0;

  const calls = (store: Store): [string, () => Promise<number>][] => {
    const run = (kind: OperationKind, what: (session: Session) => number) => () => store.run(kind, what);
    return [
      ['claim', run({ access: 'write' }, raise)],
      ['write', run({ access: 'write', durable: true }, raise)],
      ['write that writes nothing', run({ access: 'write', durable: true }, look)],
      ['durable read', run({ access: 'read', durable: true }, look)],
      ['read', run({ access: 'read' }, look)],
      [
        'write that fails',
        run({ access: 'write', durable: true }, session => {
          raise(session);
          throw new Error('undone');
        }),
      ],
      [
        'sliced write',
        () =>
          store.runSliced(function* (session) {
            const next = raise(session);
            yield;
            return next;
          }),
      ],
    ];
  };

  const under: Promise<void>[] = [];
  let current = processes[0]!;
  for (let step = 0; step < STEPS; step++) {
    // Mostly the same one, whose own commits are then all that matters.
    if (random.chance(0.1)) current = random.pick(processes);
    const { store, durability } = current;
    for (let call = random.int(1, 3); call > 0; call--) {
      const all = calls(store);
      // Claims above all: only where nothing else waits do they run beside an fsync.
      const [name, make] = random.chance(0.5) ? all[0]! : random.pick(all);
      const check = (seen: number) => {
        if (durability === 'normal' || !/write|durable/.test(name)) return;
        answers += 1;
        if (seen > Disk.covered) ahead.push(`${name}: ${seen} of ${Disk.covered}`);
      };
      under.push(make().then(check, () => undefined));
    }
    for (let turns = random.pick([0, 1, 2, 10]); turns > 0; turns--) await new Promise(setImmediate);
  }
  await Promise.all(under);
  await Promise.all(processes.map(({ store }) => store.close()));
  expect(ahead, `seed ${seed}`).toEqual([]);
  expect(answers, `seed ${seed}`).toBeGreaterThan(STEPS / 4);
});
