import { type MachineOptions, resolveMachineOptions } from './machine-options.ts';

export type { MachineOptions } from './machine-options.ts';

/** Who gets new work: the primary (Redis), the standby (SQLite), or the primary while the standby gives back. */
export type EngineState = 'primary' | 'standby' | 'returning';

/**
 * What the machine is told. Whatever is reported later than it began carries the `epoch` of the machine when it began:
 * the primary may have been given up in between, and then the outcome says nothing about it any more.
 * `failure` is a class of failure (`timeout`, `refused`, `oom`, ...), `message` its text for people, without secrets.
 */
export type Input =
  /** A probe, a write with a deadline, is being sent now. */
  | { kind: 'probe-started' }
  | { kind: 'probe-ok'; epoch: number }
  | { kind: 'probe-failed'; epoch: number; failure: string; message: string }
  /** An operation on the primary failed in a way that puts the primary in doubt (not: a job that does not exist). */
  | { kind: 'call-failed'; epoch: number; failure: string; message: string }
  /** The kill switch. */
  | { kind: 'switched'; to: 'on' | 'off'; reason: string }
  /** All the standby kept has been given back; `epoch` from before the last look that found nothing left. */
  | { kind: 'settled'; epoch: number };

export interface Transition {
  from: EngineState;
  to: EngineState;
  reason: string;
  /** The class of failure that decided; absent when none did. */
  failure?: string;
  /** When, on the clock of the inputs, ms. */
  at: number;
}

export interface Step {
  transition?: Transition;
  /**
   * Milliseconds until the next probe should start, in place of what was said before; 0 is now. Undefined: none is to
   * be started, because one is under way or the switch is off.
   */
  probeInMs: number | undefined;
}

/**
 * Certain by themselves: the server says that it takes no writes, or nobody listens there. Anything else (a timeout, a
 * lost connection) may be one stall or one cut cable, and a probe has to confirm it.
 */
const CERTAIN: ReadonlySet<string> = new Set([
  ...['oom', 'misconf', 'readonly', 'loading', 'busy', 'noreplicas', 'clusterdown', 'masterdown'],
  ...['maxclients', 'noauth', 'wrongpass', 'protected-mode', 'no-database'],
  ...['refused', 'unknown-host'],
]);

/** Between two probes' starts, whatever fails: calls that go on failing while probes are good cause no storm. */
const LEAST_GAP_MS = 50;
/** From this many failed probes in a row on, probes on the standby slow down in proportion. */
const LONG_OUTAGE_PROBES = 6;

/**
 * Decides which engine is in use. Pure: time comes with each input (monotonic, ms), chance from `random`; it has no
 * timer and does no I/O. docs/failover-states.md has the diagram and the table of its rules.
 *
 * Its driver keeps one timer, set anew to `probeInMs` after each step (and to `probeIn` at the start). When it fires,
 * the driver says `probe-started` and sends a write with a deadline, which includes reconnecting, so that each probe
 * has a result. A timer for 0 ms too: by the next turn it is known which connections went down together.
 */
export class StateMachine {
  readonly #options: Required<MachineOptions>;
  readonly #random: () => number;

  #state: EngineState = 'primary';
  #since: number;
  #reason = 'started';
  #epoch = 0;
  #off = false;

  /** When the next probe is due; undefined while one is under way. */
  #probeAt: number | undefined;
  #lastProbeAt = Number.NEGATIVE_INFINITY;

  /** In use: pieces of evidence against the primary, older than the probe under way. */
  #evidence = 0;
  /** In use: calls failed since the last probe started. One piece of evidence, however many they are. */
  #callsFailed = false;

  /** On the standby: how many of the last probes in a row were good, or failed. */
  #good = 0;
  #failed = 0;
  #hold = 0;
  #holdUntil = 0;
  /** When the standby was last left. */
  #returnedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param random a fraction, 0 <= x < 1, at each call.
   * @param now ms, on the monotonic clock of all inputs.
   * @throws SpillwayError SPILLWAY_INVALID_OPTION.
   */
  constructor(options: MachineOptions, random: () => number, now: number) {
    this.#options = resolveMachineOptions(options);
    this.#random = random;
    this.#since = now;
    // Nothing is known of the primary yet.
    this.#probeAt = now;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** When it came to this state, ms. */
  get since(): number {
    return this.#since;
  }

  /** Why it came to this state, or why it is kept there. */
  get reason(): string {
    return this.#reason;
  }

  /** Counts how often the primary was given up or switched; inputs from an earlier epoch have no effect. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The kill switch is off: on the standby until it is on again. */
  get switchedOff(): boolean {
    return this.#off;
  }

  /** As `Step.probeInMs`. */
  probeIn(now: number): number | undefined {
    if (this.#off || this.#probeAt === undefined) return undefined;
    return Math.max(0, this.#probeAt - now);
  }

  /** Takes an input at `now`, not before the last one. Never throws. */
  handle(input: Input, now: number): Step {
    const transition = this.#take(input, now);
    const probeInMs = this.probeIn(now);
    return transition === undefined ? { probeInMs } : { transition, probeInMs };
  }

  #take(input: Input, now: number): Transition | undefined {
    if (input.kind === 'switched') {
      return input.to === 'off' ? this.#switchOff(input.reason, now) : this.#switchOn(input.reason, now);
    }
    if (this.#off) return undefined;
    if (input.kind === 'probe-started') return this.#probeStarted(now);
    if (input.epoch !== this.#epoch) return undefined;
    const inUse = this.#state !== 'standby';
    switch (input.kind) {
      case 'call-failed':
        // Whether the standby may be left is for probes alone to say: one broken caller must not keep it.
        return inUse ? this.#callFailed(input, now) : undefined;
      case 'settled':
        return this.#state === 'returning' ? this.#move('primary', 'all is given back', now) : undefined;
    }
    if (this.#probeAt !== undefined) return undefined; // a result of no probe under way
    if (input.kind === 'probe-ok') return inUse ? this.#goodInUse(now) : this.#goodOnStandby(now);
    return inUse ? this.#badInUse(input, now) : this.#badOnStandby(now);
  }

  #probeStarted(now: number): undefined {
    this.#probeAt = undefined;
    this.#lastProbeAt = now;
    if (this.#callsFailed) this.#evidence++;
    this.#callsFailed = false;
  }

  #callFailed({ failure, message }: Failed, now: number): Transition | undefined {
    if (CERTAIN.has(failure)) return this.#giveUp(message, now, failure);
    this.#callsFailed = true;
    if (this.#probeAt !== undefined) this.#probeNow(now);
    return undefined;
  }

  #goodInUse(now: number): undefined {
    this.#evidence = 0;
    // Calls that failed since it started may have failed after its success: that takes a probe of its own.
    if (this.#callsFailed) this.#probeNow(now);
    else this.#probeLater(now);
  }

  #badInUse({ failure, message }: Failed, now: number): Transition | undefined {
    if (CERTAIN.has(failure)) return this.#giveUp(message, now, failure);
    // A timeout says something of the time after those calls. A lost connection says nothing new when calls were lost
    // while the probe was under way: all went down at once, and all may be back at once.
    this.#evidence += failure === 'timeout' && this.#callsFailed ? 2 : 1;
    this.#callsFailed = false;
    if (this.#evidence >= this.#options.failuresToSwitch) return this.#giveUp(message, now, failure);
    this.#probeNow(now);
    return undefined;
  }

  #goodOnStandby(now: number): Transition | undefined {
    this.#failed = 0;
    this.#good++;
    this.#probeLater(now);
    if (this.#good < this.#options.probesToReturn || now < this.#holdUntil) return undefined;
    this.#returnedAt = now;
    return this.#move('returning', `${this.#good} good probes in a row`, now);
  }

  #badOnStandby(now: number): undefined {
    this.#good = 0;
    this.#failed++;
    this.#probeLater(now);
  }

  #switchOff(reason: string, now: number): Transition | undefined {
    const shown = `switched off: ${reason}`;
    this.#off = true;
    if (this.#state !== 'standby') return this.#giveUp(shown, now);
    this.#reason = shown;
    this.#beginEpoch();
    return undefined;
  }

  #switchOn(reason: string, now: number): undefined {
    if (!this.#off) return;
    this.#off = false;
    this.#reason = `switched on, to be probed: ${reason}`;
    this.#beginEpoch();
    this.#probeLater(now);
  }

  #giveUp(reason: string, now: number, failure?: string): Transition {
    const { calmMs, holdMs, maxHoldMs } = this.#options;
    const flapping = now - this.#returnedAt < calmMs;
    this.#hold = Math.min(flapping ? this.#hold * 2 : holdMs, maxHoldMs);
    this.#holdUntil = now + this.#hold * (0.8 + 0.4 * this.#random());
    this.#beginEpoch();
    const transition = this.#move('standby', reason, now, failure);
    this.#probeLater(now);
    return transition;
  }

  /** From here on, what began earlier no longer counts; a probe under way is forgotten. */
  #beginEpoch(): void {
    this.#epoch++;
    this.#evidence = 0;
    this.#callsFailed = false;
    this.#good = 0;
    this.#failed = 0;
  }

  #move(to: EngineState, reason: string, at: number, failure?: string): Transition {
    const from = this.#state;
    this.#state = to;
    this.#since = at;
    this.#reason = reason;
    return { from, to, reason, at, ...(failure === undefined ? {} : { failure }) };
  }

  #probeNow(now: number): void {
    const at = Math.max(now, this.#lastProbeAt + LEAST_GAP_MS);
    this.#probeAt = Math.min(at, this.#probeAt ?? at);
  }

  /** Up to a quarter sooner than the interval, so that processes fall out of step; never later. */
  #probeLater(now: number): void {
    const { probeIntervalMs, retryIntervalMs, maxRetryIntervalMs } = this.#options;
    const slower = Math.max(1, this.#failed / LONG_OUTAGE_PROBES);
    const interval =
      this.#state === 'primary' ? probeIntervalMs : Math.min(retryIntervalMs * slower, maxRetryIntervalMs);
    this.#probeAt = now + interval * (0.75 + 0.25 * this.#random());
  }
}

type Failed = { failure: string; message: string };
