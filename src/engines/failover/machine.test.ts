import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isSpillwayError } from '../../shared/errors.ts';
import { type EngineState, type Input, StateMachine, type Step } from './machine.ts';
import { MACHINE_DEFAULTS, type MachineOptions } from './machine-options.ts';

/** Chance that adds nothing to hold times. */
const middle = () => 0.5;
/** What the test says for short; failures by their class. */
type Said = 'start' | 'ok' | 'on' | 'off' | 'settled' | `probe ${string}` | `call ${string}`;

/** A machine, its clock, and the transitions so far. */
class Driven {
  readonly machine: StateMachine;
  now = 0;
  readonly went: EngineState[] = [];
  probeInMs: number | undefined;

  constructor(options: MachineOptions = {}, random: () => number = middle) {
    this.machine = new StateMachine(options, random, this.now);
    this.probeInMs = this.machine.probeIn(this.now);
  }

  after(ms: number): this {
    this.now += ms;
    return this;
  }

  say(...all: Said[]): Step {
    let step: Step = { probeInMs: undefined };
    for (const said of all) {
      step = this.machine.handle(this.#input(said), this.now);
      this.probeInMs = step.probeInMs;
      if (step.transition) this.went.push(step.transition.to);
    }
    return step;
  }

  /** A probe as soon as it is due, which takes no time. */
  probe(result: 'ok' | `probe ${string}`): Step {
    return this.after(this.probeInMs ?? 0).say('start', result);
  }

  /** Good probes until the standby is left. */
  untilReturning(): this {
    for (let probes = 0; this.machine.state === 'standby'; probes++) {
      if (probes > 1000) throw new Error('it does not return');
      this.probe('ok');
    }
    return this;
  }

  #input(said: Said): Input {
    const { epoch } = this.machine;
    const [what, failure = ''] = said.split(' ');
    if (said === 'start') return { kind: 'probe-started' };
    if (said === 'ok') return { kind: 'probe-ok', epoch };
    if (said === 'on' || said === 'off') return { kind: 'switched', to: said, reason: 'maintenance' };
    if (said === 'settled') return { kind: 'settled', epoch };
    const kind = what === 'probe' ? 'probe-failed' : 'call-failed';
    return { kind, epoch, failure, message: `it said ${failure}` };
  }
}

const CERTAIN = [
  ...['oom', 'misconf', 'readonly', 'loading', 'busy', 'noreplicas', 'clusterdown', 'masterdown'],
  ...['maxclients', 'noauth', 'wrongpass', 'protected-mode', 'no-database'],
  ...['refused', 'unknown-host'],
];

describe('in use', () => {
  it('starts on the primary and probes it at once', () => {
    const { machine } = new Driven();
    expect([machine.state, machine.since, machine.reason, machine.epoch]).toEqual([
      'primary',
      0,
      'started',
      0,
    ]);
    expect(machine.probeIn(0)).toBe(0);
  });

  const stays: [string, ...Said[]][] = [
    ['one timed-out probe', 'start', 'probe timeout'],
    ['one lost probe', 'start', 'probe connection'],
    ['a call that failed', 'call timeout'],
    ['200 calls that failed', ...Array.from<Said>({ length: 200 }).fill('call timeout')],
    ['200 calls that failed, and a good probe', 'call timeout', 'call connection', 'start', 'ok'],
    [
      'two failed probes with a good one in between',
      ...(['start', 'probe timeout', 'start', 'ok'] as const),
      ...(['start', 'probe timeout'] as const),
    ],
    ['calls and a probe lost together', 'start', 'call connection', 'call connection', 'probe connection'],
    ['a probe and calls lost together', 'start', 'probe connection', 'call connection', 'call connection'],
    ['the result of no probe', 'probe timeout', 'probe timeout', 'probe oom'],
    ['a second result of a probe', 'start', 'probe timeout', 'probe timeout'],
    ['settled, where nothing is to be given back', 'settled'],
    ['switched on, as it was', 'on'],
  ];
  it.each(stays)('stays through %s', (_name, ...said) => {
    const driven = new Driven();
    driven.say(...said);
    expect(driven.went).toEqual([]);
    expect(driven.machine.state).toBe('primary');
  });

  const leaves: [string, ...Said[]][] = [
    ['two failed probes', 'start', 'probe timeout', 'start', 'probe timeout'],
    ['two lost probes', 'start', 'probe connection', 'start', 'probe connection'],
    ['a call, then a probe that timed out', 'call timeout', 'start', 'probe timeout'],
    ['a call, then a lost probe', 'call connection', 'start', 'probe connection'],
    ['a call while a probe was timing out', 'start', 'call timeout', 'probe timeout'],
    [
      'probes and calls lost together again',
      ...(['start', 'call connection', 'probe connection'] as const),
      ...(['start', 'call connection', 'probe connection'] as const),
    ],
    [
      'a failed probe after calls that failed during a good one',
      ...(['start', 'call timeout', 'ok'] as const),
      ...(['start', 'probe timeout'] as const),
    ],
    ['the switch', 'off'],
  ];
  it.each(leaves)('leaves after %s, not before the last of it', (_name, ...said) => {
    const driven = new Driven();
    driven.say(...said.slice(0, -1));
    expect(driven.went).toEqual([]);
    driven.say(...said.slice(-1));
    expect(driven.went).toEqual(['standby']);
  });

  it.each(CERTAIN)('leaves at once on %s, from a probe and from a call', failure => {
    const step = new Driven().after(7).say('start', `probe ${failure}`);
    expect(step.transition).toEqual({
      from: 'primary',
      to: 'standby',
      reason: `it said ${failure}`,
      failure,
      at: 7,
    });
    expect(new Driven().say(`call ${failure}`).transition?.failure).toBe(failure);
  });

  it('asks for one probe at once however many calls fail, until its result is in', () => {
    const driven = new Driven();
    driven.probe('ok');
    driven.after(300);
    for (let call = 0; call < 200; call++) expect(driven.say('call timeout').probeInMs).toBe(0);
    expect(driven.say('start').probeInMs).toBeUndefined();
    for (let call = 0; call < 200; call++) expect(driven.say('call timeout').probeInMs).toBeUndefined();
    driven.after(1).say('ok');
    // Those 200 failed after it had started, so it doesn't speak for what is now: once more, but not at once.
    expect(driven.probeInMs).toBe(49);
    expect(driven.after(49).say('start', 'ok').probeInMs).toBeGreaterThanOrEqual(375);
  });

  it('takes as many pieces of evidence as it is told to', () => {
    const one = new Driven({ failuresToSwitch: 1 });
    one.say('call timeout', 'call timeout');
    expect(one.went).toEqual([]);
    one.say('start', 'probe timeout');
    expect(one.went).toEqual(['standby']);
    const four = new Driven({ failuresToSwitch: 4 });
    four.say('call timeout', 'start', 'probe timeout', 'start', 'probe timeout');
    expect(four.went).toEqual([]);
    four.say('start', 'probe timeout');
    expect(four.went).toEqual(['standby']);
  });
});

describe('on the standby', () => {
  it('returns after three good probes in a row, and not before the hold time', () => {
    const driven = new Driven();
    driven.say('call refused');
    driven.probe('ok');
    driven.probe('ok');
    driven.probe('probe timeout');
    driven.after(1000);
    for (const state of ['standby', 'standby', 'returning']) {
      driven.probe('ok');
      expect(driven.machine.state).toBe(state);
    }
    const early = new Driven({ probesToReturn: 1 });
    early.say('call refused');
    early.after(999).say('start', 'ok');
    expect(early.machine.state).toBe('standby');
    expect(early.after(1).say('start', 'ok').transition).toEqual({
      from: 'standby',
      to: 'returning',
      reason: '2 good probes in a row',
      at: 1000,
    });
  });

  it('pays no heed to calls, and is on the primary when all is given back', () => {
    const driven = new Driven();
    driven.say('call refused', 'call refused', 'call oom', 'settled');
    driven.untilReturning();
    const step = driven.say('settled');
    expect(step.transition).toMatchObject({
      from: 'returning',
      to: 'primary',
      reason: 'all is given back',
    });
    expect(driven.went).toEqual(['standby', 'returning', 'primary']);
  });

  it('is on the standby again when returning goes wrong', () => {
    const driven = new Driven();
    driven.say('call refused');
    driven.untilReturning();
    driven.say('start', 'probe timeout');
    expect(driven.machine.state).toBe('returning');
    driven.say('start', 'probe timeout');
    expect(driven.machine.state).toBe('standby');
  });

  it('holds twice as long each time it was left in vain, and less again after a calm time', () => {
    const driven = new Driven({ probesToReturn: 1, maxHoldMs: 5000 });
    const held = [];
    for (let times = 0; times < 5; times++) {
      driven.say('call refused');
      const from = driven.now;
      while (driven.machine.state === 'standby') driven.after(10).say('start', 'ok');
      held.push(driven.now - from);
      driven.after(59_999);
    }
    expect(held).toEqual([1000, 2000, 4000, 5000, 5000]);
    driven.after(1).say('call refused');
    const from = driven.now;
    while (driven.machine.state === 'standby') driven.after(10).say('start', 'ok');
    expect(driven.now - from).toBe(1000);
  });

  it.each([
    [0, 800],
    [0.999, 1200],
  ])('holds 20 %% shorter or longer by chance (%d)', (chance, expected) => {
    const driven = new Driven({ probesToReturn: 1 }, () => chance);
    driven.say('call refused');
    while (driven.machine.state === 'standby') driven.after(1).say('start', 'ok');
    expect(driven.now).toBe(expected);
  });
});

describe('the kill switch', () => {
  it('leaves at once and for as long as it is off, without probes', () => {
    const driven = new Driven();
    expect(driven.say('start', 'off')).toEqual({
      transition: { from: 'primary', to: 'standby', reason: 'switched off: maintenance', at: 0 },
      probeInMs: undefined,
    });
    expect(driven.machine.switchedOff).toBe(true);
    driven.after(100_000).say('start', 'ok', 'ok', 'call timeout', 'settled', 'off', 'start', 'probe oom');
    expect([driven.went, driven.probeInMs]).toEqual([['standby'], undefined]);
    expect(driven.say('on').probeInMs).toBeGreaterThan(0);
    expect(driven.machine.switchedOff).toBe(false);
    expect(driven.machine.reason).toBe('switched on, to be probed: maintenance');
    driven.untilReturning().say('settled');
    expect(driven.went).toEqual(['standby', 'returning', 'primary']);
  });

  it('keeps a standby that has its own reasons, and forgets its good probes', () => {
    const driven = new Driven();
    driven.say('call oom');
    driven.after(60_000);
    driven.say('start', 'ok', 'start', 'ok');
    expect(driven.say('off')).toEqual({ probeInMs: undefined });
    expect(driven.machine.reason).toBe('switched off: maintenance');
    driven.say('on', 'start', 'ok', 'start', 'ok');
    expect(driven.machine.state).toBe('standby');
    driven.say('start', 'ok');
    expect(driven.machine.state).toBe('returning');
  });

  it('can be off from the start', () => {
    const driven = new Driven();
    expect(driven.say('off').transition?.to).toBe('standby');
  });
});

describe('the pauses between probes', () => {
  const pauses = (chance: number) => {
    const driven = new Driven({}, () => chance);
    const primary = driven.probe('ok').probeInMs;
    const standby = driven.say('call refused').probeInMs;
    const returning = driven.untilReturning().probeInMs;
    return { primary, standby, returning };
  };

  it('are up to a quarter shorter by chance, and never longer', () => {
    expect(pauses(0)).toEqual({ primary: 375, standby: 187.5, returning: 187.5 });
    expect(pauses(0.8)).toEqual({ primary: 475, standby: 237.5, returning: 237.5 });
  });

  it('grow to a second in a long outage, and are short again at the first good probe', () => {
    const driven = new Driven({}, () => 0.8);
    driven.say('call refused');
    const grown = Array.from({ length: 200 }, () => driven.probe('probe refused').probeInMs);
    expect(grown.slice(0, 6)).toEqual(Array(6).fill(237.5));
    expect(grown[11]).toBe(475);
    expect(grown.slice(23)).toEqual(Array(177).fill(950));
    expect(driven.probe('ok').probeInMs).toBe(237.5);
  });
});

describe('options', () => {
  it.each([
    [{ holdMs: 0 }, 'Option holdMs must be 1 to 3600000 milliseconds; received 0.'],
    [{ calmMs: Number.NaN }, 'Option calmMs must be 1 to 3600000 milliseconds; received NaN.'],
    [{ probesToReturn: 1.5 }, 'Option probesToReturn must be a whole number, 1 to 100; received 1.5.'],
    [{ failuresToSwitch: 101 }, 'Option failuresToSwitch must be a whole number, 1 to 100; received 101.'],
  ])('outside their range are refused: %o', (options, message) => {
    let error: unknown;
    try {
      new StateMachine(options, middle, 0);
    } catch (caught) {
      error = caught;
    }
    expect(isSpillwayError(error, 'SPILLWAY_INVALID_OPTION') && error.message).toBe(message);
  });

  it('that are longest times are never below the times they bound', () => {
    const driven = new Driven({ retryIntervalMs: 4000, holdMs: 90_000 });
    driven.say('call refused');
    expect(driven.probeInMs).toBeGreaterThanOrEqual(3000);
    driven.untilReturning();
    expect(driven.now).toBeGreaterThanOrEqual(90_000);
  });
});

describe('docs/failover-states.md', () => {
  const page = readFileSync(new URL('../../../docs/failover-states.md', import.meta.url), 'utf8');

  it('has each option with its default', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` +\| ([\d ]+?)(?: ms)? +\|/gm)];
    const documented = rows.map(([, option, value]) => [option, Number(value?.replaceAll(' ', ''))]);
    expect(Object.fromEntries(documented)).toEqual(MACHINE_DEFAULTS);
  });

  it('has each certain failure', () => {
    const [, list = ''] = /^Certain: ([^.]+)\./m.exec(page) ?? [];
    expect([...list.matchAll(/`([^`]+)`/g)].map(match => match[1])).toEqual(CERTAIN);
  });
});
