import { isDeepStrictEqual } from 'node:util';
import { type Backoff, backoffMs } from './backoff.ts';
import { createWindow, type Window, type WindowSettings } from './window.ts';

/** Why a breaker opened by itself. */
export type OpenReason = 'failures' | 'slow' | 'cool-down' | 'credentials';

/** Moments are on the monotonic clock, ms. */
export type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly reason: OpenReason; readonly until: number; readonly forMs: number }
  | {
      readonly kind: 'halfOpen';
      /** Calls let through that have no outcome yet. */
      running: number;
      /** Outcomes. */
      done: number;
      failed: number;
      slow: number;
      /** When the last one was let through. */
      probedAt: number;
    };

export interface MachineSettings {
  readonly window: WindowSettings;
  readonly minimumCalls: number;
  readonly failurePercent: number;
  readonly slowPercent: number;
  readonly open: Backoff;
  readonly probes: number;
  /** By then a probe has an outcome, ms. */
  readonly probeMs: number;
}

/** A call that was let through carries the number of the state that let it through. */
export type Epoch = number;
export const REFUSED = -1;

/**
 * Closed, open, half-open. Knows no calls, timers or clocks: it is told the time. An outcome counts only in the state that
 * let its call through: one from before an outage says nothing about the service after it.
 */
export class Machine {
  #settings: MachineSettings;
  readonly #random: () => number;
  readonly #changed: (to: State, from: State) => void;
  #window: Window;
  #state: State = { kind: 'closed' };
  #epoch: Epoch = 0;
  /** Times opened for failures since it was last closed. */
  #openings = 0;

  constructor(
    settings: MachineSettings,
    random: () => number,
    changed: (to: State, from: State) => void = () => {},
  ) {
    this.#settings = settings;
    this.#random = random;
    this.#changed = changed;
    this.#window = createWindow(settings.window);
  }

  get state(): State {
    return this.#state;
  }

  /** What the closed breaker judges by. */
  window(now: number): Window {
    this.#window.advance(now);
    return this.#window;
  }

  /** Takes new settings at once; a changed window starts empty. */
  configure(settings: MachineSettings, now: number): void {
    const { window } = this.#settings;
    this.#settings = settings;
    if (!isDeepStrictEqual(settings.window, window)) this.#window = createWindow(settings.window);
    // With fewer probes asked for, those that are done may be enough, and no further outcome would come to say so.
    if (this.#state.kind === 'halfOpen' && this.#state.done > 0) this.#judgeProbes(this.#state, now);
  }

  /** Whether `admit` would let a call through. */
  admits(now: number): boolean {
    const state = this.#state;
    if (state.kind === 'closed') return true;
    if (state.kind === 'open') return now >= state.until;
    return state.running + state.done < this.#settings.probes;
  }

  /** Lets a call through, or REFUSED. Each one let through must be recorded or released. */
  admit(now: number): Epoch {
    if (this.#state.kind === 'closed') return this.#epoch;
    this.wake(now);
    const state = this.#state;
    if (state.kind !== 'halfOpen' || !this.admits(now)) return REFUSED;
    state.running += 1;
    state.probedAt = now;
    return this.#epoch;
  }

  /** The open time may be over. */
  wake(now: number): void {
    if (this.#state.kind !== 'open' || now < this.#state.until) return;
    this.#become({ kind: 'halfOpen', running: 0, done: 0, failed: 0, slow: 0, probedAt: now });
  }

  /** The call had no outcome that tells anything. */
  release(epoch: Epoch): void {
    if (epoch === this.#epoch && this.#state.kind === 'halfOpen') this.#state.running -= 1;
  }

  record(epoch: Epoch, now: number, failed: boolean, slow: boolean): void {
    if (epoch !== this.#epoch) return;
    const state = this.#state;
    if (state.kind === 'closed') {
      this.#window.record(now, failed, slow);
      this.#judge(now);
    } else if (state.kind === 'halfOpen') {
      state.running -= 1;
      state.done += 1;
      state.failed += failed ? 1 : 0;
      state.slow += slow ? 1 : 0;
      this.#judgeProbes(state, now);
    }
  }

  /**
   * Opens at once, whatever the window says. Where it is open already, the later end wins.
   * @param forMs how long, ms; without, as after failures.
   */
  trip(now: number, reason: OpenReason, forMs?: number): void {
    const state = this.#state;
    if (state.kind !== 'open') {
      this.#open(now, reason, forMs);
    } else if (forMs !== undefined && now + forMs > state.until) {
      this.#state = { ...state, reason, until: now + forMs, forMs };
      this.#changed(this.#state, state);
    }
  }

  /** Closes and forgets what was. */
  close(): void {
    this.#openings = 0;
    this.#window.clear();
    if (this.#state.kind !== 'closed') this.#become({ kind: 'closed' });
  }

  /** In how many ms it is worth asking again; 0 where a call would be let through. */
  retryAfterMs(now: number): number {
    if (this.admits(now)) return 0;
    const state = this.#state;
    if (state.kind === 'open') return state.until - now;
    // All probes are out; the latest of them has an outcome by then.
    const { probedAt } = state as State & { kind: 'halfOpen' };
    return Math.max(1, probedAt + this.#settings.probeMs - now);
  }

  #judge(now: number): void {
    const { minimumCalls, failurePercent, slowPercent } = this.#settings;
    const { calls, failures, slow } = this.#window;
    if (calls < minimumCalls) return;
    if (failures * 100 >= failurePercent * calls) this.#open(now, 'failures');
    else if (slow * 100 >= slowPercent * calls) this.#open(now, 'slow');
  }

  /** As soon as the probes that are left cannot change it any more. */
  #judgeProbes({ done, failed, slow }: State & { kind: 'halfOpen' }, now: number): void {
    const { probes, failurePercent, slowPercent } = this.#settings;
    const left = Math.max(0, probes - done);
    const all = done + left;
    if (failed * 100 >= failurePercent * all) this.#open(now, 'failures');
    else if (slow * 100 >= slowPercent * all) this.#open(now, 'slow');
    else if ((failed + left) * 100 < failurePercent * all && (slow + left) * 100 < slowPercent * all)
      this.close();
  }

  #open(now: number, reason: OpenReason, forMs?: number): void {
    if (forMs === undefined) this.#openings += 1;
    const openMs = forMs ?? backoffMs(this.#settings.open, this.#openings, this.#random());
    this.#become({ kind: 'open', reason, until: now + openMs, forMs: openMs });
  }

  #become(state: State): void {
    const from = this.#state;
    this.#state = state;
    this.#epoch += 1;
    this.#changed(state, from);
  }
}
