import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, testSeed } from '../../../test/support/random.ts';
import { type EngineState, type Input, StateMachine } from './machine.ts';

fc.configureGlobal({ seed: testSeed() });

const FAILURES = ['timeout', 'connection', 'something-else', 'oom', 'refused', 'unknown-host'] as const;
const CERTAIN: readonly string[] = ['oom', 'refused', 'unknown-host'];

/** An input some time after the last one; of those that carry an epoch, `age` epochs late. */
interface Move {
  after: number;
  what: Exclude<Input['kind'], 'switched'> | 'on' | 'off';
  age: number;
  failure: string;
}

const often = { weight: 5, arbitrary: fc.constantFrom<Move['what'][]>('probe-started', 'probe-ok') };
const seldom = fc.constantFrom<Move['what'][]>('probe-failed', 'call-failed', 'settled', 'on', 'off');
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    after: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 500, max: 90_000 })),
    what: fc.oneof(often, { weight: 4, arbitrary: seldom }),
    age: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -1, max: 3 })),
    failure: fc.oneof({ weight: 3, arbitrary: fc.constant('timeout') }, fc.constantFrom(...FAILURES)),
  }),
  { maxLength: 150, size: 'max' },
);
const options = fc.record({
  failuresToSwitch: fc.integer({ min: 1, max: 4 }),
  probesToReturn: fc.integer({ min: 1, max: 4 }),
  holdMs: fc.integer({ min: 1, max: 2000 }),
  maxHoldMs: fc.integer({ min: 2000, max: 30_000 }),
});
type Options = typeof options extends fc.Arbitrary<infer T> ? T : never;

function inputOf({ what, age, failure }: Move, epochNow: number): Input {
  if (what === 'probe-started') return { kind: what };
  if (what === 'on' || what === 'off') return { kind: 'switched', to: what, reason: 'a test' };
  const epoch = epochNow - age;
  if (what === 'probe-ok' || what === 'settled') return { kind: what, epoch };
  return { kind: what, epoch, failure, message: `it said ${failure}` };
}

/**
 * The rules once more, without the machine's bookkeeping: all that happened in this epoch as a string, which patterns
 * read. `s` a probe started, `o` it was good, `t` timed out, `l` was lost; `c` a call failed.
 */
class Model {
  readonly options: Options;
  state: EngineState = 'primary';
  off = false;
  history = '';
  hold = 0;
  heldFrom = 0;
  leftAt = Number.NEGATIVE_INFINITY;

  constructor(options: Options) {
    this.options = options;
  }

  take(input: Input, stale: boolean, now: number): void {
    if (input.kind === 'switched') {
      if (input.to === 'off') {
        this.history = '';
        if (this.state !== 'standby') this.#toStandby(now);
      } else if (this.off) this.history = '';
      this.off = input.to === 'off';
      return;
    }
    if (this.off || stale) return;
    const isResult = input.kind === 'probe-ok' || input.kind === 'probe-failed';
    if (isResult && !/sc*$/.test(this.history)) return;
    if (input.kind === 'settled') {
      if (this.state === 'returning') this.state = 'primary';
    } else if (this.state === 'standby') this.#onStandby(input, now);
    else this.#inUse(input, now);
  }

  #onStandby(input: Input, now: number): void {
    const letters: Partial<Record<Input['kind'], string>> = { 'probe-started': 's', 'probe-ok': 'o' };
    this.history += letters[input.kind] ?? (input.kind === 'probe-failed' ? 't' : '');
    const good = /[so]*$/.exec(this.history)?.[0].replaceAll('s', '').length ?? 0;
    if (input.kind !== 'probe-ok' || good < this.options.probesToReturn) return;
    if (now - this.heldFrom < this.hold) return;
    this.state = 'returning';
    this.leftAt = now;
  }

  #inUse(input: Input, now: number): void {
    if (input.kind === 'probe-started') this.history += 's';
    if (input.kind === 'probe-ok') this.history += 'o';
    if (input.kind !== 'call-failed' && input.kind !== 'probe-failed') return;
    if (input.kind === 'call-failed') this.history += 'c';
    else this.history += input.failure === 'timeout' ? 't' : 'l';
    const confirmed = input.kind === 'probe-failed' && this.evidence() >= this.options.failuresToSwitch;
    if (confirmed || CERTAIN.includes(input.failure)) this.#toStandby(now);
  }

  evidence(): number {
    // What a good probe answers for: all before it started.
    const since = this.history.replace(/^.*s(c*)o/, '$1');
    const failed = since.match(/sc*[tl]/g) ?? [];
    const both = failed.filter(probe => /sc+t/.test(probe));
    const calls = since.replaceAll(/sc*[tl]/g, ' ').match(/c+/g) ?? [];
    return failed.length + both.length + calls.length;
  }

  #toStandby(now: number): void {
    const { holdMs, maxHoldMs } = this.options;
    this.hold = Math.min(maxHoldMs, now - this.leftAt < 60_000 ? this.hold * 2 : holdMs);
    this.heldFrom = now;
    this.history = '';
    this.state = 'standby';
  }
}

const seen = (machine: StateMachine, now: number) => ({
  state: machine.state,
  since: machine.since,
  reason: machine.reason,
  epoch: machine.epoch,
  off: machine.switchedOff,
  probeIn: machine.probeIn(now),
});

describe('for any inputs at any times', () => {
  it('the machine does what the model says, a step at a time, and takes the documented ways', () => {
    const edges = new Set<string>();
    fc.assert(
      fc.property(options, moves, (given, sequence) => {
        const machine = new StateMachine(given, () => 0.5, 0);
        const model = new Model(given);
        let now = 0;
        for (const move of sequence) {
          now += move.after;
          const input = inputOf(move, machine.epoch);
          const stale = 'epoch' in input && input.epoch !== machine.epoch;
          const before = seen(machine, now);
          const step = machine.handle(input, now);
          model.take(input, stale, now);
          const after = seen(machine, now);

          expect([after.state, after.off]).toEqual([model.state, model.off]);
          expect(step.probeInMs).toBe(after.probeIn);
          if (stale) expect(after).toEqual(before);
          if (after.state === before.state) {
            expect(step.transition).toBeUndefined();
            expect(after.since).toBe(before.since);
          } else {
            edges.add(`${before.state} --> ${after.state}`);
            expect(step.transition).toMatchObject({ from: before.state, to: after.state, at: now });
            expect(after).toMatchObject({ since: now, reason: step.transition?.reason });
          }
          const newEpoch = after.state === 'standby' && after.state !== before.state;
          if (newEpoch || after.off !== before.off) expect(after.epoch).toBe(before.epoch + 1);
          if (after.off) expect([after.state, after.probeIn]).toEqual(['standby', undefined]);
          if (after.probeIn !== undefined) {
            expect(after.probeIn).toBeGreaterThanOrEqual(0);
            expect(after.probeIn).toBeLessThanOrEqual(1000);
          }
        }
      }),
      { numRuns: 1000 },
    );
    const page = readFileSync(new URL('../../../docs/failover-states.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^ +(\w+ --> \w+):/gm)].map(match => match[1]);
    expect([...edges].sort()).toEqual(documented.sort());
  });

  it('the same seed gives the same run, another seed another one', () => {
    fc.assert(
      fc.property(options, moves, fc.nat(), (given, sequence, seed) => {
        const run = (withSeed: number) => {
          const machine = new StateMachine(given, seededRandom(withSeed).next, 0);
          let now = 0;
          return sequence.map(move => {
            now += move.after;
            const step = machine.handle(inputOf(move, machine.epoch), now);
            return { step, ...seen(machine, now) };
          });
        };
        expect(run(seed)).toEqual(run(seed));
        const wentOn = run(seed).some(({ probeIn }) => probeIn !== undefined && probeIn > 50);
        if (wentOn) expect(run(seed + 1)).not.toEqual(run(seed));
      }),
    );
  });

  it('good probes bring it back, from wherever it is, when the switch is on', () => {
    fc.assert(
      fc.property(options, moves, fc.nat(), (given, sequence, seed) => {
        const machine = new StateMachine(given, seededRandom(seed).next, 0);
        let now = 0;
        for (const move of sequence) {
          now += move.after;
          machine.handle(inputOf(move, machine.epoch), now);
        }
        const from = now;
        machine.handle({ kind: 'switched', to: 'on', reason: 'a test' }, now);
        // The result of one under way, which may have been bad so far.
        if (machine.probeIn(now) === undefined)
          machine.handle({ kind: 'probe-ok', epoch: machine.epoch }, now);
        while (machine.state === 'standby') {
          now += machine.probeIn(now) ?? Number.NaN;
          machine.handle({ kind: 'probe-started' }, now);
          machine.handle({ kind: 'probe-ok', epoch: machine.epoch }, now);
          expect(now - from).toBeLessThanOrEqual(1.2 * given.maxHoldMs + given.probesToReturn * 1000);
        }
        machine.handle({ kind: 'settled', epoch: machine.epoch }, now);
        expect(machine.state).toBe('primary');
      }),
    );
  });
});
