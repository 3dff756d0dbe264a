import { SpillwayError } from '../shared/errors.ts';
import { Bulkhead } from './bulkhead.ts';
import { Call, type Context, ProbeWait } from './call.ts';
import { Deadlines, Due } from './deadlines.ts';
import type { BreakerEvents } from './events.ts';
import { Machine, REFUSED, type State } from './machine.ts';
import { type CoreOptions, type FullSettings, machineSettings } from './settings.ts';
import { Stats } from './stats.ts';
import type { Surroundings, Timer } from './surroundings.ts';
import type { BreakerMode } from './types.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export type Tell = <Name extends keyof BreakerEvents>(event: Name, ...args: BreakerEvents[Name]) => void;

/** The judging of a call: its verdict, or `refused` where this breaker itself did not let it through. */
export type Judgement = Verdict | 'refused';

const NEVER = Number.POSITIVE_INFINITY;

/** What calls do to a breaker and it to them: lets them through or not, bounds them, counts them, tells of them. */
export class Core {
  readonly name: string;
  readonly world: Surroundings;
  readonly tell: Tell;
  readonly stats = new Stats();
  readonly machine: Machine;
  readonly bulkhead: Bulkhead;
  readonly #deadlines: Deadlines;
  readonly #classify: (error: unknown) => Verdict;
  readonly #classifyResult: ((result: never) => Verdict) | undefined;
  settings: FullSettings;
  mode: BreakerMode;
  closed = false;
  #alerted = false;
  #warned = false;
  #openedAt = 0;
  #reopening: Timer | undefined;

  constructor(name: string, options: CoreOptions, world: Surroundings, tell: Tell) {
    this.name = name;
    this.world = world;
    this.tell = tell;
    this.settings = options;
    this.mode = options.mode;
    this.#classify = options.classify;
    this.#classifyResult = options.classifyResult;
    this.#deadlines = new Deadlines(world);
    this.bulkhead = new Bulkhead(this.#deadlines, options.concurrency, options.queueSize);
    this.machine = new Machine(
      machineSettings(options),
      () => world.random(),
      (to, from) => this.#changed(to, from),
    );
  }

  configure(settings: FullSettings): void {
    this.settings = settings;
    this.bulkhead.concurrency = settings.concurrency;
    this.bulkhead.queueSize = settings.queueSize;
    this.machine.configure(machineSettings(settings), this.world.monotonic());
    this.bulkhead.admit();
  }

  setMode(mode: BreakerMode): void {
    const wasForced = this.mode === 'forced-open';
    const { kind } = this.machine.state;
    this.mode = mode;
    if (mode === 'forced-open') {
      if (kind !== 'open') this.tell('open', { reason: 'forced', openForMs: undefined });
    } else if (wasForced && kind === 'closed') {
      this.tell('close');
    }
    // By hand, no call waits for a place: it is refused, or let through.
    if (mode !== 'automatic') this.bulkhead.dismiss();
  }

  shutdown(): void {
    this.closed = true;
    this.#reopening?.cancel();
    this.bulkhead.dismiss();
    this.#deadlines.close();
  }

  /** In how many ms it is worth calling again: 0 now, Infinity when somebody has forced it open. */
  retryAfterMs(now: number): number {
    if (this.mode === 'forced-open') return NEVER;
    return this.mode === 'automatic' ? this.machine.retryAfterMs(now) : 0;
  }

  /** Whether a call would be let through, places aside. */
  admits(now: number): boolean {
    if (this.closed || this.mode === 'forced-open') return false;
    return this.mode !== 'automatic' || this.machine.admits(now);
  }

  /** Lets a call through and takes its place; undefined when the breaker refuses it. @param timeoutMs its own, or none. */
  start(
    now: number,
    args: unknown[],
    context: Context | undefined,
    timeoutMs: number | false = this.settings.timeoutMs,
  ): Call | undefined {
    if (this.closed || this.mode === 'forced-open') return undefined;
    if (this.mode === 'disabled') return this.bypass(now, args, context);
    const epoch = this.machine.admit(now);
    if (epoch === REFUSED) {
      if (this.mode !== 'metrics-only') return undefined;
      // The shadow only says that it would have refused it.
      this.refuse(now);
    }
    const call = new Call(this, epoch, now, args, context);
    this.bulkhead.running += 1;
    if (timeoutMs !== false) this.#deadlines.add(call, now + timeoutMs);
    if (this.machine.state.kind === 'halfOpen') this.#boundProbe(call, now, timeoutMs);
    return call;
  }

  /** As `start`, without asking whether it may: for a caller that would rather fail than not try. */
  bypass(now: number, args: unknown[], context: Context | undefined): Call {
    const call = new Call(this, REFUSED, now, args, context);
    this.bulkhead.running += 1;
    return call;
  }

  succeeded(call: Call, value: unknown): void {
    const now = this.world.monotonic();
    if (call.ended) {
      this.#late(call, now);
      return;
    }
    this.#end(call, now, this.judgeResult(value), value);
  }

  failed(call: Call, error: unknown): void {
    const now = this.world.monotonic();
    if (call.ended) this.#late(call, now);
    else this.#end(call, now, this.#judged(this.#classify, error), error);
  }

  timedOut(call: Call, error: unknown = timeoutOf(this.name, call)): void {
    const now = this.world.monotonic();
    this.stats.at(now).timeouts += 1;
    this.tell('timeout', error, call.latencyMs(now), call.args);
    this.#end(call, now, 'failure', error);
    if (this.mode === 'metrics-only') return;
    call.cut?.(error);
    call.context?.abort(error);
  }

  /** The call ends without having said anything about the service. */
  abandoned(call: Call): void {
    if (!call.ended) this.#end(call, this.world.monotonic(), 'ignore', undefined);
  }

  /** What comes now is its consumer's time, until it is `alive`. */
  idle(call: Call): void {
    call.idleSince ??= this.world.monotonic();
  }

  /** It makes progress: if it is a probe, its longest wait begins anew. */
  alive(call: Call): void {
    const { probeWait, idleSince } = call;
    if (idleSince !== undefined) call.startedAt += this.world.monotonic() - idleSince;
    call.idleSince = undefined;
    if (probeWait === undefined || !this.#deadlines.remove(probeWait)) return;
    this.#deadlines.add(probeWait, this.world.monotonic() + this.settings.probeWaitMs);
  }

  /** A probe that should have had an outcome by now: it counts as failed, unless it waits for its consumer, and goes on. */
  hung(call: Call): void {
    const { epoch } = call;
    call.epoch = REFUSED;
    if (call.idleSince !== undefined) this.machine.release(epoch);
    else this.machine.record(epoch, this.world.monotonic(), true, false);
  }

  judge(error: unknown): Judgement {
    if (error instanceof SpillwayError && error.details.breaker === this.name) {
      return error.code === 'SPILLWAY_BREAKER_TIMEOUT' ? 'failure' : 'refused';
    }
    return this.#judged(this.#classify, error);
  }

  judgeResult(result: unknown): Verdict {
    const judge = this.#classifyResult as ((result: unknown) => Verdict) | undefined;
    return judge === undefined ? 'success' : this.#judged(judge, result);
  }

  /** Counts and tells a refusal; the error to reject with. */
  refuse(now: number): SpillwayError {
    if (this.closed) {
      return new SpillwayError('SPILLWAY_CLOSED', `Breaker ${this.name} is shut down`, {
        details: { breaker: this.name },
      });
    }
    const retryAfterMs = this.mode === 'forced-open' ? NEVER : this.machine.retryAfterMs(now);
    const error = new SpillwayError('SPILLWAY_BREAKER_OPEN', openMessage(this.name, retryAfterMs), {
      details: { breaker: this.name, ...(retryAfterMs === NEVER ? {} : { retryAfterMs }) },
    });
    this.stats.at(now).rejects += 1;
    this.tell('reject', error);
    return error;
  }

  /** As `refuse`, where all places are taken. */
  refuseFull(now: number, waitedMs: number): SpillwayError {
    const { concurrency, queueSize } = this.settings;
    const error = new SpillwayError(
      'SPILLWAY_BREAKER_FULL',
      `${this.name} has ${concurrency} calls running, and ${queueSize} may wait; try again later, or raise concurrency or queueSize`,
      { details: { breaker: this.name, concurrency, queueSize, waitedMs } },
    );
    this.stats.at(now).semaphoreRejections += 1;
    this.tell('semaphoreLocked', error, waitedMs);
    return error;
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.#deadlines.add(new Sleep(resolve), this.world.monotonic() + ms);
    });
  }

  #end(call: Call, now: number, verdict: Verdict, outcome: unknown): void {
    call.ended = true;
    this.#deadlines.remove(call);
    if (call.probeWait !== undefined) this.#deadlines.remove(call.probeWait);
    if (this.mode === 'disabled') this.machine.release(call.epoch);
    else this.#count(call, now, verdict, outcome);
    this.bulkhead.release();
  }

  #count(call: Call, now: number, verdict: Verdict, outcome: unknown): void {
    const latencyMs = call.latencyMs(now);
    const counts = this.stats.at(now);
    if (verdict === 'ignore') {
      counts.ignored += 1;
      this.machine.release(call.epoch);
      return;
    }
    const { slowMs } = this.settings;
    const slow = slowMs !== false && latencyMs >= slowMs;
    this.stats.latency(now, latencyMs);
    if (verdict === 'success') {
      counts.successes += 1;
      this.tell('success', outcome, latencyMs);
      this.machine.record(call.epoch, now, false, slow);
      return;
    }
    counts.failures += 1;
    this.tell('failure', outcome, latencyMs, call.args);
    if (verdict === 'failure') {
      this.machine.record(call.epoch, now, true, slow);
      return;
    }
    this.machine.release(call.epoch);
    if (verdict === 'credentials') this.#refusedForGood(now, outcome);
    else this.#coolDown(now, verdict.coolDownMs);
  }

  #coolDown(now: number, ms: number | undefined): void {
    const { maxCoolDownMs } = this.settings;
    this.machine.trip(now, 'cool-down', ms === undefined ? undefined : Math.min(ms, maxCoolDownMs));
  }

  #refusedForGood(now: number, error: unknown): void {
    this.machine.trip(now, 'credentials');
    if (this.#alerted) return;
    this.#alerted = true;
    this.tell('alert', { reason: 'credentials', error });
  }

  /** A judge that fails, or gives what is no verdict, must not decide that all is well. */
  #judged(judge: (value: unknown) => Verdict, value: unknown): Verdict {
    try {
      const given: unknown = judge(value);
      const verdict = verdictOf(given);
      if (verdict !== undefined) return verdict;
      if (given instanceof Promise) given.catch(() => undefined);
      if (!this.#warned) process.emitWarning(noVerdict(this.name, given));
      this.#warned = true;
    } catch {}
    return 'failure';
  }

  #late(call: Call, now: number): void {
    this.stats.at(now).late += 1;
    this.tell('late', now - call.startedAt);
  }

  #boundProbe(call: Call, now: number, timeoutMs: number | false): void {
    const { probeWaitMs } = this.settings;
    if (timeoutMs !== false && timeoutMs <= probeWaitMs) return;
    call.probeWait = new ProbeWait(this, call);
    this.#deadlines.add(call.probeWait, now + probeWaitMs);
  }

  #changed(to: State, from: State): void {
    const now = this.world.monotonic();
    this.#reopening?.cancel();
    this.#reopening = undefined;
    if (to.kind === 'open') {
      this.#wakeAt(to.until, now);
      // A pause that got longer is no second opening.
      if (from.kind === 'open') return;
      this.#openedAt = now;
      this.tell('open', { reason: to.reason, openForMs: to.forMs });
      this.bulkhead.dismiss();
    } else if (to.kind === 'halfOpen') {
      this.tell('halfOpen', now - this.#openedAt);
    } else {
      this.#alerted = false;
      this.tell('close');
    }
  }

  /** The next call would find out by itself; the timer is for those who watch. */
  #wakeAt(until: number, now: number): void {
    this.#reopening = this.world.after(Math.ceil(until - now), () => {
      const then = this.world.monotonic();
      if (then < until) this.#wakeAt(until, then);
      else this.machine.wake(then);
    });
    this.#reopening.hold(false);
  }
}

class Sleep extends Due {
  readonly expire: () => void;

  constructor(expire: () => void) {
    super();
    this.expire = expire;
  }
}

function timeoutOf(name: string, { until, startedAt }: Call): SpillwayError {
  const timeoutMs = Math.round(until - startedAt);
  return new SpillwayError('SPILLWAY_BREAKER_TIMEOUT', `${name} took longer than ${timeoutMs} ms`, {
    details: { breaker: name, timeoutMs },
  });
}

function noVerdict(name: string, given: unknown): string {
  const shown = given instanceof Promise ? 'a promise' : String(given);
  return `Breaker ${name}: classify or classifyResult gave ${shown}, which is no verdict and counts as 'failure'; there are 'success', 'failure', 'ignore', 'credentials' and { coolDownMs }`;
}

function openMessage(name: string, retryAfterMs: number): string {
  return retryAfterMs === NEVER
    ? `Breaker ${name} was forced open; set its mode to automatic to let calls through`
    : `Breaker ${name} is open; try again in ${Math.ceil(retryAfterMs)} ms`;
}
