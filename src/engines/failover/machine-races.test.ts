import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom, testSeed } from '../../../test/support/random.ts';
import { type Input, StateMachine, type Transition } from './machine.ts';

fc.configureGlobal({ seed: testSeed() });

/** A link that answers; that takes requests and says nothing until it is up again; that refuses connections. */
type Link = 'up' | 'hung' | 'dead';
/** `cut` drops all connections, and the link is up. */
type Change = { at: number; to: Link | 'cut' };
type Outcome = 'ok' | 'timeout' | 'connection' | 'refused';

interface Setup {
  seed: number;
  changes: Change[];
  probeDeadlineMs: number;
  callDeadlineMs: number;
  /** A call starts this often while the primary is in use. */
  callEveryMs: number;
  /** What giving back takes. */
  settleMs: number;
}

const LATENCY_MS = 5;

/** The machine with its driver, callers and a server, in simulated time; one seed decides all that is left to chance. */
class Simulation {
  readonly machine: StateMachine;
  readonly transitions: Transition[] = [];
  /** When probes started. */
  readonly probes: number[] = [];
  now = 0;
  readonly #setup: Setup;
  readonly #random: SeededRandom;
  readonly #due = new Set<{ at: number; run: () => void }>();
  readonly #inFlight = new Set<(outcome: Outcome) => void>();
  #link: Link = 'up';
  #callOffProbe = () => {};

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#random = seededRandom(setup.seed);
    this.machine = new StateMachine({}, this.#random.next, 0);
    this.#changeFrom(0);
    this.#plan(this.machine.probeIn(0));
    if (setup.callEveryMs > 0) this.#call();
  }

  runUntil(end: number): this {
    for (;;) {
      const due = [...this.#due];
      const at = Math.min(...due.map(one => one.at));
      if (at > end) break;
      this.now = at;
      // What is due at the same time comes in any order.
      const next = this.#random.pick(due.filter(one => one.at === at));
      this.#due.delete(next);
      next.run();
    }
    this.now = end;
    return this;
  }

  /** Returns what calls it off. */
  #in(ms: number, run: () => void): () => void {
    const due = { at: this.now + ms, run };
    this.#due.add(due);
    return () => this.#due.delete(due);
  }

  #tell(input: Input): void {
    const { transition, probeInMs } = this.machine.handle(input, this.now);
    if (transition) {
      this.transitions.push(transition);
      const { epoch } = this.machine;
      if (transition.to === 'returning') {
        this.#in(this.#setup.settleMs, () => this.#tell({ kind: 'settled', epoch }));
      }
    }
    this.#plan(probeInMs);
  }

  #plan(probeInMs: number | undefined): void {
    this.#callOffProbe();
    if (probeInMs !== undefined) this.#callOffProbe = this.#in(probeInMs, () => this.#probe());
  }

  #probe(): void {
    const { epoch } = this.machine;
    this.probes.push(this.now);
    this.#tell({ kind: 'probe-started' });
    this.#request(this.#setup.probeDeadlineMs, outcome => {
      if (outcome === 'ok') this.#tell({ kind: 'probe-ok', epoch });
      else this.#tell({ kind: 'probe-failed', epoch, failure: outcome, message: outcome });
    });
  }

  #call(): void {
    this.#in(this.#setup.callEveryMs, () => this.#call());
    if (this.machine.state === 'standby') return;
    const { epoch } = this.machine;
    this.#request(this.#setup.callDeadlineMs, outcome => {
      if (outcome !== 'ok') this.#tell({ kind: 'call-failed', epoch, failure: outcome, message: outcome });
    });
  }

  #request(deadlineMs: number, done: (outcome: Outcome) => void): void {
    const settle = (outcome: Outcome) => {
      callOff();
      if (this.#inFlight.delete(settle)) done(outcome);
    };
    const callOff = this.#in(deadlineMs, () => settle('timeout'));
    this.#inFlight.add(settle);
    if (this.#link === 'dead') this.#in(0, () => settle('refused'));
    if (this.#link === 'up') this.#answer(settle);
  }

  #answer(settle: (outcome: Outcome) => void): void {
    this.#in(LATENCY_MS, () => {
      if (this.#link === 'up') settle('ok');
    });
  }

  #changeFrom(index: number): void {
    const change = this.#setup.changes[index];
    if (!change) return;
    this.#in(change.at - this.now, () => {
      this.#change(change.to);
      this.#changeFrom(index + 1);
    });
  }

  #change(to: Change['to']): void {
    const wasHung = this.#link === 'hung';
    this.#link = to === 'cut' ? 'up' : to;
    if (to === 'hung') return;
    const lost = to === 'cut' || to === 'dead';
    for (const settle of this.#random.shuffle([...this.#inFlight])) {
      if (lost) this.#in(0, () => settle('connection'));
      else if (wasHung) this.#answer(settle);
    }
  }
}

const usual = fc.record({
  seed: fc.nat(),
  probeDeadlineMs: fc.integer({ min: 100, max: 500 }),
  callDeadlineMs: fc.integer({ min: 200, max: 490 }),
  callEveryMs: fc.integer({ min: 1, max: 8 }),
  settleMs: fc.integer({ min: 0, max: 3000 }),
});
const somewhen = fc.integer({ min: 0, max: 3000 });

const toStandby = ({ transitions }: Simulation) => transitions.filter(({ to }) => to === 'standby');

/** The most switches to the standby in any `ms`. */
function mostWithin(simulation: Simulation, ms: number): number {
  const times = toStandby(simulation).map(({ at }) => at);
  return Math.max(0, ...times.map(from => times.filter(at => at >= from && at < from + ms).length));
}

describe('the machine on a link', () => {
  it('switches less than 500 ms and a probe deadline after a hang under load', () => {
    fc.assert(
      fc.property(usual, somewhen, (setup, hangsAt) => {
        const simulation = new Simulation({ ...setup, changes: [{ at: hangsAt, to: 'hung' }] });
        simulation.runUntil(hangsAt + 5000);
        expect(simulation.transitions.map(({ to }) => to)).toEqual(['standby']);
        const switched = (simulation.transitions[0]?.at ?? Number.NaN) - hangsAt;
        expect(switched).toBeLessThan(500 + setup.probeDeadlineMs);
        expect(switched).toBeGreaterThan(Math.min(setup.callDeadlineMs, setup.probeDeadlineMs) - LATENCY_MS);
      }),
    );
  });

  it('switches less than 500 ms and two probe deadlines after a hang without load', () => {
    fc.assert(
      fc.property(usual, somewhen, (setup, hangsAt) => {
        const changes: Change[] = [{ at: hangsAt, to: 'hung' }];
        const simulation = new Simulation({ ...setup, callEveryMs: 0, changes }).runUntil(hangsAt + 5000);
        expect(simulation.transitions[0]?.at).toBeLessThan(hangsAt + 500 + 2 * setup.probeDeadlineMs);
      }),
    );
  });

  it('switches at the first refused connection when the server is killed', () => {
    fc.assert(
      fc.property(usual, somewhen, (setup, diesAt) => {
        const simulation = new Simulation({ ...setup, changes: [{ at: diesAt, to: 'dead' }] });
        simulation.runUntil(diesAt + setup.callEveryMs);
        expect(simulation.transitions).toMatchObject([{ to: 'standby', failure: 'refused' }]);
      }),
    );
  });

  it('stays when connections are dropped and the server lives', () => {
    const cuts = fc.array(fc.integer({ min: 150, max: 1000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(usual, cuts, (setup, pauses) => {
        const changes = changesOf(pauses.map(after => ({ after, to: 'cut' })));
        const simulation = new Simulation({ ...setup, changes }).runUntil(22_000);
        expect(simulation.transitions).toEqual([]);
      }),
    );
  });

  it('stays through stalls shorter than the deadlines', () => {
    const stalls = fc.array(fc.record({ after: fc.integer({ min: 600, max: 1500 }), percent: fc.nat(100) }), {
      minLength: 1,
      maxLength: 10,
    });
    fc.assert(
      fc.property(usual, stalls, (setup, all) => {
        const limit = Math.min(setup.callDeadlineMs, 2 * setup.probeDeadlineMs) - 3 * LATENCY_MS;
        let at = 0;
        const changes = all.flatMap(({ after, percent }): Change[] => {
          const from = at + after;
          at = from + (percent / 100) * limit;
          return [
            { at: from, to: 'hung' },
            { at, to: 'up' },
          ];
        });
        const simulation = new Simulation({ ...setup, changes }).runUntil(at + 2000);
        expect(simulation.transitions).toEqual([]);
      }),
    );
  });

  it('asks for few probes however many calls fail: 21 a second at the most', () => {
    const flips = fc.array(fc.record({ after: fc.integer({ min: 1, max: 100 }), to: anyLink() }), {
      minLength: 20,
      maxLength: 60,
    });
    fc.assert(
      fc.property(usual, flips, (setup, all) => {
        const { probes } = new Simulation({ ...setup, changes: changesOf(all) }).runUntil(6000);
        for (const from of probes) {
          expect(probes.filter(at => at >= from && at < from + 1000).length).toBeLessThanOrEqual(21);
        }
      }),
    );
  });
});

function anyLink() {
  return fc.constantFrom<Change['to'][]>('up', 'hung', 'dead', 'cut');
}

function changesOf(all: readonly { after: number; to: Change['to'] }[]): Change[] {
  let at = 0;
  return all.map(({ after, to }) => {
    at += after;
    return { at, to };
  });
}

describe('a link that flaps', () => {
  const bad = fc.constantFrom<Link[]>('hung', 'dead');

  it('every 200 ms for 10 minutes causes 31 switches at the most', () => {
    fc.assert(
      fc.property(usual, bad, (setup, to) => {
        const flips = Array.from({ length: 3000 }, (_, index) => ({
          after: 200,
          to: index % 2 ? to : ('up' as const),
        }));
        const simulation = new Simulation({ ...setup, callEveryMs: 20, changes: changesOf(flips) });
        simulation.runUntil(600_000);
        // 1, 2, 4, 8, 16, then 30 s of hold time, each up to 20 % shorter.
        expect(toStandby(simulation).length).toBeLessThanOrEqual(6 + 600 / 24);
        expect(mostWithin(simulation, 60_000)).toBeLessThanOrEqual(7);
      }),
      { numRuns: 10 },
    );
  });

  it('in any way causes 7 switches in 60 s at the most, and is back for good when it is over', () => {
    const flips = fc.array(
      fc.record({
        after: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 600, max: 40_000 })),
        to: anyLink(),
      }),
      { minLength: 10, maxLength: 100, size: 'max' },
    );
    fc.assert(
      fc.property(usual, flips, (setup, all) => {
        const changes = changesOf([...all, { after: 1, to: 'up' }]);
        const over = changes.at(-1)?.at ?? 0;
        const simulation = new Simulation({ ...setup, callEveryMs: 50, changes });
        simulation.runUntil(over + 36_000 + 2000 + setup.settleMs);
        expect(simulation.machine.state).toBe('primary');
        expect(mostWithin(simulation, 60_000)).toBeLessThanOrEqual(7);
        const went = simulation.transitions.map(({ from, to }) => `${from} ${to}`);
        for (const [index, way] of went.entries()) {
          if (way === 'returning primary') expect(went[index - 1]).toBe('standby returning');
        }
      }),
      { numRuns: 50 },
    );
  });

  it('that is cut at the worst moments causes no more', () => {
    // Dies as soon as the primary is in use again: what no schedule made beforehand can do.
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 59_999 }), (seed, calm) => {
        const machine = new StateMachine({}, seededRandom(seed).next, 0);
        const switches: number[] = [];
        let now = 0;
        while (now < 600_000) {
          const { epoch } = machine;
          machine.handle({ kind: 'call-failed', epoch, failure: 'refused', message: '' }, now);
          switches.push(now);
          while (machine.state === 'standby') {
            now += machine.probeIn(now) ?? Number.NaN;
            machine.handle({ kind: 'probe-started' }, now);
            machine.handle({ kind: 'probe-ok', epoch: machine.epoch }, now);
          }
          if (switches.length % 10 === 0) now += calm;
        }
        const most = Math.max(
          ...switches.map(from => switches.filter(at => at >= from && at < from + 60_000).length),
        );
        expect(most).toBeLessThanOrEqual(7);
        expect(switches.length).toBeLessThanOrEqual(6 + 600 / 24);
      }),
    );
  });
});

describe('outcomes that come late', () => {
  it('say nothing once the primary has been given up, in any order', () => {
    type Late = (machine: StateMachine) => void;
    const outcomes: ((epoch: number) => Late)[] = [
      epoch => machine => machine.handle({ kind: 'probe-ok', epoch }, 20_000),
      epoch => machine =>
        machine.handle({ kind: 'probe-failed', epoch, failure: 'oom', message: '' }, 20_000),
      epoch => machine =>
        machine.handle({ kind: 'call-failed', epoch, failure: 'refused', message: '' }, 20_000),
      epoch => machine => machine.handle({ kind: 'settled', epoch }, 20_000),
    ];
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...outcomes, ...outcomes]),
        fc.constantFrom('standby', 'probing', 'returning'),
        (late, when) => {
          const machine = new StateMachine({ probesToReturn: 1 }, () => 0.5, 0);
          machine.handle({ kind: 'probe-started' }, 0);
          const fromBefore = late.map(outcome => outcome(machine.epoch));
          const { epoch } = machine;
          machine.handle({ kind: 'call-failed', epoch, failure: 'refused', message: '' }, 1);
          if (when !== 'standby') machine.handle({ kind: 'probe-started' }, 10_000);
          if (when === 'returning') machine.handle({ kind: 'probe-ok', epoch: machine.epoch }, 10_001);
          const seen = () => [
            machine.state,
            machine.since,
            machine.reason,
            machine.epoch,
            machine.probeIn(20_000),
          ];
          const before = seen();
          for (const outcome of fromBefore) outcome(machine);
          expect(seen()).toEqual(before);
          // A probe of this epoch still counts.
          if (when === 'probing') {
            const step = machine.handle({ kind: 'probe-ok', epoch: machine.epoch }, 20_000);
            expect(step.transition?.to).toBe('returning');
          }
        },
      ),
    );
  });

  it('of one seed come the same way again', () => {
    const changes = changesOf(
      Array.from({ length: 200 }, (_, index) => ({
        after: 137,
        to: (['hung', 'up', 'cut', 'dead', 'up'] as const)[index % 5] ?? 'up',
      })),
    );
    fc.assert(
      fc.property(usual, setup => {
        const run = (seed: number) =>
          new Simulation({ ...setup, changes, seed, callEveryMs: 20 }).runUntil(40_000);
        const once = run(setup.seed);
        expect(once.transitions.length).toBeGreaterThan(1);
        expect(run(setup.seed).transitions).toEqual(once.transitions);
        expect(run(setup.seed + 1).probes).not.toEqual(once.probes);
      }),
      { numRuns: 20 },
    );
  });
});
