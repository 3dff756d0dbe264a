import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { testSeed } from '../../../test/support/random.ts';
import { Deadlines, type EventLoop, LATE } from './deadline.ts';

fc.configureGlobal({ seed: testSeed() });

/** All that promises have to say to each other now. */
const settled = () => new Promise(resolve => setImmediate(resolve));
const never = new Promise<never>(() => {});

/** An event loop whose turns the test makes: due timers, then the I/O that is ready, then what waits for the poll. */
class ManualLoop implements EventLoop {
  time = 0;
  readonly timers = new Map<() => void, number>();
  readonly #io: { at: number; run: () => void }[] = [];
  #immediates = new Set<() => void>();

  now = () => this.time;

  after(ms: number, run: () => void): () => void {
    this.timers.set(run, this.time + ms);
    return () => this.timers.delete(run);
  }

  afterPoll(run: () => void): () => void {
    this.#immediates.add(run);
    return () => this.#immediates.delete(run);
  }

  /** An answer that is in the kernel from `at` on. */
  answerAt<T>(at: number, answer: T): Promise<T> {
    return new Promise(resolve => this.#io.push({ at, run: () => resolve(answer) }));
  }

  async turn(): Promise<void> {
    for (const [run, at] of [...this.timers]) {
      if (at > this.time || !this.timers.delete(run)) continue;
      run();
      await settled();
    }
    for (const io of this.#io.filter(({ at }) => at <= this.time)) {
      this.#io.splice(this.#io.indexOf(io), 1);
      io.run();
      await settled();
    }
    const immediates = [...this.#immediates];
    this.#immediates = new Set();
    for (const run of immediates) run();
    await settled();
  }

  /** Turns until `time`, each as soon as there is something to do. */
  async runUntil(time: number): Promise<void> {
    for (;;) {
      await this.turn();
      const next = Math.min(...this.timers.values(), ...this.#io.map(({ at }) => at));
      if (next > time) break;
      this.time = Math.max(this.time, next);
    }
    this.time = time;
    await this.turn();
  }
}

describe('a bounded call', () => {
  it('settles as its work does', async () => {
    const deadlines = new Deadlines(new ManualLoop());
    await expect(deadlines.bound(Promise.resolve(7), 100)).resolves.toBe(7);
    await expect(deadlines.bound(Promise.reject(new Error('refused')), 100)).rejects.toThrow('refused');
    expect(deadlines.pending).toBe(0);
  });

  it.each([10, 100, 500, 60_000])('is late soon after its %i ms, not before', async ms => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    let lateAt: number | undefined;
    loop.time = 3;
    void deadlines.bound(never, ms).then(() => {
      lateAt = loop.time;
    });
    await loop.runUntil(ms + 1000);
    expect(lateAt).toBeGreaterThanOrEqual(3 + ms);
    expect(lateAt).toBeLessThanOrEqual(3 + ms + 25);
  });

  it('leaves its late outcome to be learned', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    const work = loop.answerAt(1000, 'stored after all');
    const call = deadlines.bound(work, 100);
    await loop.runUntil(500);
    expect(await call).toBe(LATE);
    await loop.runUntil(1000);
    expect(await work).toBe('stored after all');
  });

  it('may be rejected late, which is no unhandled rejection', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', listener);
    try {
      const call = deadlines.bound(
        loop.answerAt(1000, undefined).then(() => Promise.reject(new Error('connection closed'))),
        100,
      );
      await loop.runUntil(2000);
      await settled();
      expect(await call).toBe(LATE);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });
});

describe('the one timer', () => {
  it('runs only while something waits', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    expect(loop.timers.size).toBe(0);
    const calls = Array.from({ length: 1000 }, () => deadlines.bound(loop.answerAt(60, 1), 500));
    expect(loop.timers.size).toBe(1);
    await loop.runUntil(100);
    expect(await Promise.all(calls)).toEqual(calls.map(() => 1));
    expect(loop.timers.size).toBe(0);
    void deadlines.bound(never, 500);
    expect(loop.timers.size).toBe(1);
  });

  it('is gone after close, which ends all waits', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    const call = deadlines.bound(never, 500);
    deadlines.close();
    expect(await call).toBe(LATE);
    expect(await deadlines.bound(never, 500)).toBe(LATE);
    const rejected = Promise.reject(new Error('closed'));
    expect(await deadlines.bound(rejected, 500)).toBe(LATE);
    expect([loop.timers.size, deadlines.pending]).toEqual([0, 0]);
  });

  it('is gone after close in the middle of a look', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    const call = deadlines.bound(never, 500);
    loop.time = 25;
    const [look] = loop.timers.keys();
    loop.timers.clear();
    look?.(); // its immediate is waiting now
    deadlines.close();
    expect(await call).toBe(LATE);
    await loop.turn();
    expect(loop.timers.size).toBe(0);
  });

  it('keeps no process alive', async () => {
    const { href } = new URL('./deadline.ts', import.meta.url);
    const code = `import { Deadlines } from '${href}'; new Deadlines().bound(new Promise(() => {}), 600_000);`;
    const strip = process.features.typescript ? [] : ['--experimental-strip-types'];
    const child = spawn(process.execPath, [...strip, '--input-type=module', '-e', code], {
      stdio: 'inherit',
    });
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});

describe('when the event loop is held up', () => {
  it('reads what is there before it declares anything late', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    const call = deadlines.bound(loop.answerAt(49, 'answer'), 50);
    await loop.runUntil(48);
    loop.time = 52; // held up for so short that the look is hardly delayed
    await loop.turn();
    expect(await call).toBe('answer');
  });

  it('gives a command that could not be sent until the next look', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    let sent = () => {};
    const sending = new Promise<void>(resolve => {
      sent = resolve;
    });
    // Sent only when the hold-up is over; answered a moment later.
    const call = deadlines.bound(
      sending.then(() => loop.answerAt(1001, 'answer')),
      100,
    );
    loop.time = 1000;
    sent();
    await loop.runUntil(1100);
    expect(await call).toBe('answer');
  });

  it('finds a hung call late all the same', async () => {
    const loop = new ManualLoop();
    const deadlines = new Deadlines(loop);
    let late = false;
    void deadlines.bound(never, 100).then(() => {
      late = true;
    });
    const looks: boolean[] = [];
    for (let turn = 0; turn < 3; turn++) {
      loop.time += 1000; // the user's code, in each turn
      await loop.turn();
      looks.push(late);
    }
    expect(looks).toEqual([false, true, true]);
  });

  it('never calls late what was answered in time, whatever the schedule', async () => {
    const schedule = fc.record({
      calls: fc.array(
        fc.record({
          at: fc.integer({ min: 0, max: 2000 }),
          ms: fc.integer({ min: 1, max: 600 }),
          /** Answered after so long; never for null. */
          takes: fc.option(fc.integer({ min: 0, max: 1200 })),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      holdUps: fc.array(
        fc.record({ at: fc.integer({ min: 0, max: 2000 }), ms: fc.integer({ min: 1, max: 900 }) }),
        { maxLength: 6 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(schedule, async ({ calls, holdUps }) => {
        const loop = new ManualLoop();
        const deadlines = new Deadlines(loop);
        const outcomes: { call: (typeof calls)[number]; from: number; late: boolean; at: number }[] = [];
        const begin = (call: (typeof calls)[number]) => {
          const from = loop.time;
          const work: Promise<unknown> =
            call.takes === null ? never : loop.answerAt(from + call.takes, 'answer');
          void deadlines.bound(work, call.ms).then(outcome => {
            outcomes.push({ call, from, late: outcome === LATE, at: loop.time });
          });
        };
        const happenings = [
          ...calls.map(call => ({ at: call.at, happen: () => begin(call) })),
          ...holdUps.map(({ at, ms }) => ({
            at,
            happen: () => {
              loop.time += ms;
            },
          })),
        ].sort((a, b) => a.at - b.at);
        for (const { at, happen } of happenings) {
          if (at > loop.time) await loop.runUntil(at);
          happen();
        }
        await loop.runUntil(loop.time + 2000);
        expect(outcomes.length).toBe(calls.length);
        const heldUp = holdUps.reduce((sum, { ms }) => sum + ms, 0);
        for (const { call, from, late, at } of outcomes) {
          const inTime = call.takes !== null && call.takes <= call.ms;
          if (inTime) expect(late).toBe(false);
          if (call.takes === null) expect(late).toBe(true);
          if (late) expect(at - from).toBeGreaterThanOrEqual(call.ms);
          expect(at - from).toBeLessThanOrEqual(call.ms + 50 + heldUp);
        }
        expect([loop.timers.size, deadlines.pending]).toEqual([0, 0]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('on a real socket', () => {
  const ECHO = `
    const { workerData, parentPort } = require('node:worker_threads');
    const answered = new Int32Array(workerData);
    const server = require('node:net').createServer(socket => socket.on('data', data => {
      if (String(data) !== 'hang') socket.write(data, () => Atomics.store(answered, 0, 1));
    }));
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  `;
  let worker: Worker;
  let socket: Socket;

  /** The first byte of `answered` turns 1 when the answer is in the kernel. */
  async function connected(): Promise<Int32Array> {
    const answered = new Int32Array(new SharedArrayBuffer(4));
    worker = new Worker(ECHO, { eval: true, workerData: answered.buffer });
    const [port] = (await once(worker, 'message')) as [number];
    socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return answered;
  }

  afterEach(async () => {
    socket.destroy();
    await worker.terminate();
  });

  it('takes the answer that came while the event loop was blocked', async () => {
    const answered = await connected();
    const deadlines = new Deadlines();
    const outcome = await new Promise<{ ours: unknown; plainTimer: unknown }>(resolve => {
      // After the poll, so that timers come first when the block is over.
      setImmediate(() => {
        const work = once(socket, 'data').then(([data]) => String(data));
        socket.write('ping');
        const plainTimer = new Promise(late => setTimeout(late, 50, LATE));
        const outcomes = [deadlines.bound(work, 50), Promise.race([work, plainTimer])];
        const from = performance.now();
        while (performance.now() - from < 300 || Atomics.load(answered, 0) === 0);
        void Promise.all(outcomes).then(([ours, plainTimer]) => resolve({ ours, plainTimer }));
      });
    });
    // A timer of its own would have been wrong: the case is real.
    expect(outcome).toEqual({ ours: 'ping', plainTimer: LATE });
    deadlines.close();
  });

  it('does not wait for one that hangs', async () => {
    await connected();
    const deadlines = new Deadlines();
    const work = once(socket, 'data');
    socket.write('hang');
    expect(await deadlines.bound(work, 50)).toBe(LATE);
    const lost = expect(work).rejects.toThrow('cut');
    socket.destroy(new Error('cut'));
    await lost;
    deadlines.close();
  });
});
