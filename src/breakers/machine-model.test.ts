import fc from 'fast-check';
import { expect, it } from 'vitest';
import { testSeed } from '../../test/support/random.ts';
import { type Epoch, Machine, type MachineSettings, REFUSED } from './machine.ts';
import type { WindowSettings } from './window.ts';

/** The same rules without any cleverness: every sample kept, everything counted anew. */
class Reference {
  readonly #settings: MachineSettings;
  #samples: { at: number; failed: boolean; slow: boolean }[] = [];
  #openings = 0;
  #number = 0;
  state: 'closed' | 'open' | 'halfOpen' = 'closed';
  #until = 0;
  #running = 0;
  #probed: { failed: boolean; slow: boolean }[] = [];

  constructor(settings: MachineSettings) {
    this.#settings = settings;
  }

  admits(now: number): boolean {
    if (this.state === 'open') return now >= this.#until;
    return this.state === 'closed' || this.#running + this.#probed.length < this.#settings.probes;
  }

  admit(now: number): number | undefined {
    if (this.state === 'open' && now >= this.#until) {
      this.#become('halfOpen');
      this.#running = 0;
      this.#probed = [];
    }
    if (this.state === 'open') return undefined;
    if (this.state === 'halfOpen') {
      if (!this.admits(now)) return undefined;
      this.#running += 1;
    }
    return this.#number;
  }

  record(number: number, now: number, failed: boolean, slow: boolean): void {
    if (number !== this.#number) return;
    if (this.state === 'closed') {
      this.#samples.push({ at: now, failed, slow });
      const seen = this.window(now);
      if (seen.length >= this.#settings.minimumCalls) this.#judge(now, seen, seen.length);
      return;
    }
    this.#running -= 1;
    this.#probed.push({ failed, slow });
    const { probes, failurePercent, slowPercent } = this.#settings;
    if (this.#judge(now, this.#probed, probes)) return;
    // Would it stay closed even if all that is left went wrong?
    const left = Array.from({ length: probes - this.#probed.length }, () => ({ failed: true, slow: true }));
    const worst = [...this.#probed, ...left];
    const bad = (key: 'failed' | 'slow', percent: number) =>
      worst.filter(each => each[key]).length * 100 >= percent * probes;
    if (bad('failed', failurePercent) || bad('slow', slowPercent)) return;
    this.#openings = 0;
    this.#samples = [];
    this.#become('closed');
  }

  release(number: number): void {
    if (number === this.#number && this.state === 'halfOpen') this.#running -= 1;
  }

  coolDown(now: number, ms: number): void {
    if (this.state === 'open') this.#until = Math.max(this.#until, now + ms);
    else {
      this.#become('open');
      this.#until = now + ms;
    }
  }

  window(now: number): { failed: boolean; slow: boolean }[] {
    const { window } = this.#settings;
    if ('calls' in window) return this.#samples.slice(-window.calls);
    const buckets = window.buckets ?? 10;
    const bucketOf = (at: number) => Math.floor(at / (window.ms / buckets));
    return this.#samples.filter(({ at }) => bucketOf(at) > bucketOf(now) - buckets);
  }

  #judge(now: number, seen: readonly { failed: boolean; slow: boolean }[], all: number): boolean {
    const { failurePercent, slowPercent, open } = this.#settings;
    const failed = seen.filter(each => each.failed).length * 100 >= failurePercent * all;
    const slow = seen.filter(each => each.slow).length * 100 >= slowPercent * all;
    if (!failed && !slow) return false;
    this.#openings += 1;
    this.#until = now + Math.min(open.ms * open.factor ** (this.#openings - 1), open.maxMs);
    this.#become('open');
    return true;
  }

  #become(state: 'closed' | 'open' | 'halfOpen'): void {
    this.state = state;
    this.#number += 1;
  }
}

const window: fc.Arbitrary<WindowSettings> = fc.oneof(
  fc.record({ calls: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ ms: fc.integer({ min: 10, max: 100 }), buckets: fc.integer({ min: 1, max: 5 }) }),
);

const settings: fc.Arbitrary<MachineSettings> = fc.record({
  window,
  minimumCalls: fc.integer({ min: 1, max: 6 }),
  failurePercent: fc.constantFrom(10, 34, 50, 100),
  slowPercent: fc.constantFrom(25, 50, 100, Number.POSITIVE_INFINITY),
  open: fc.record({
    ms: fc.integer({ min: 1, max: 50 }),
    factor: fc.constantFrom(1, 2),
    maxMs: fc.constant(150),
    jitter: fc.constant(0),
  }),
  probes: fc.integer({ min: 1, max: 4 }),
  probeMs: fc.constant(1_000),
});

/** Time passes, and a call is begun or one of those that run ends. */
const step = fc.record({
  ms: fc.nat({ max: 30 }),
  which: fc.nat({ max: 10 }),
  act: fc.oneof(
    { weight: 5, arbitrary: fc.constant({ kind: 'begin' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('end' as const), failed: fc.boolean(), slow: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'release' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('coolDown' as const), forMs: fc.nat({ max: 60 }) }),
    },
  ),
});

it('does what a breaker that counts every sample anew would do', () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(settings, fc.array(step, { minLength: 50, maxLength: 200 }), (chosen, steps) => {
      const machine = new Machine(chosen, () => 0.5);
      const reference = new Reference(chosen);
      const running: { epoch: Epoch; number: number }[] = [];
      let now = 0;
      for (const { ms, which, act } of steps) {
        now += ms;
        if (act.kind === 'begin') {
          const epoch = machine.admit(now);
          const number = reference.admit(now);
          expect(epoch === REFUSED).toBe(number === undefined);
          if (number !== undefined) running.push({ epoch, number });
        } else if (act.kind === 'coolDown') {
          machine.trip(now, 'cool-down', act.forMs);
          reference.coolDown(now, act.forMs);
        } else if (running.length > 0) {
          const [ended] = running.splice(which % running.length, 1);
          if (act.kind === 'release') {
            machine.release(ended!.epoch);
            reference.release(ended!.number);
          } else {
            machine.record(ended!.epoch, now, act.failed, act.slow);
            reference.record(ended!.number, now, act.failed, act.slow);
          }
        }
        expect(machine.state.kind).toBe(reference.state);
        expect(machine.admits(now)).toBe(reference.admits(now));
        if (reference.state === 'closed') {
          const seen = reference.window(now);
          const { calls, failures, slow } = machine.window(now);
          expect({ calls, failures, slow }).toEqual({
            calls: seen.length,
            failures: seen.filter(({ failed }) => failed).length,
            slow: seen.filter(each => each.slow).length,
          });
        }
        reached.add(reference.state);
      }
    }),
    { seed: testSeed(), numRuns: 1_000 },
  );
  expect([...reached].sort()).toEqual(['closed', 'halfOpen', 'open']);
});
