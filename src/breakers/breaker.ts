import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { backoffMs } from './backoff.ts';
import { Context } from './call.ts';
import { discardBody } from './classify-http.ts';
import { Core, type Judgement } from './core.ts';
import type { BreakerEvents } from './events.ts';
import type { OpenReason } from './machine.ts';
import type { ModeOverride, SetMode } from './override.ts';
import { type About, Overrides } from './overrides.ts';
import { type Permit, startPermit } from './permit.ts';
import { changeSettings, checkFunction, checkName, type FullOptions, resolveOptions } from './settings.ts';
import type { Counts, RecentStats } from './stats.ts';
import { type Surroundings, systemSurroundings } from './surroundings.ts';
import { tell } from './tell.ts';
import type { Action, BreakerMode, BreakerOptions, BreakerSettings, BreakerState } from './types.ts';
import type { Verdict } from './verdict.ts';

/** How a breaker is doing. */
export interface BreakerStats extends RecentStats {
  name: string;
  state: BreakerState;
  mode: BreakerMode;
  /** The mode was set by hand: by whom, why, until when. Absent where it is that of the options. */
  override?: ModeOverride;
  /** Why it is open. */
  reason?: OpenReason | 'forced';
  /** In how many ms it is worth calling again; 0 now. Absent while it is forced open. */
  retryAfterMs?: number;
  /** Calls that run, and calls that wait for a place. */
  running: number;
  queued: number;
  /** What the breaker judges by. */
  window: { calls: number; failures: number; slow: number; failurePercent: number; slowPercent: number };
  /** The counts since the breaker was made; those beside it are of the last 10 s. */
  totals: Counts;
}

/**
 * Who is in the retry loop of a breaker. Two loops, one in the other, would multiply: 3 attempts of 3 are 9 calls of a
 * service that is in trouble already. What was begun in a loop and goes on after it is in none.
 */
const retrying = new AsyncLocalStorage<{ active: boolean }>();

/**
 * A function behind a circuit breaker. `fire` calls it, unless it has failed too often of late; then calls are refused at
 * once, until a probe has shown that the service is back.
 */
export class Breaker<A extends unknown[] = unknown[], R = unknown> extends EventEmitter<BreakerEvents> {
  readonly name: string;
  readonly #action: Action;
  readonly #options: FullOptions<A, R>;
  readonly #core: Core;
  readonly #overrides: Overrides;

  /** `createBreaker` and `spillway.breaker` know the types of the function. Throws SPILLWAY_INVALID_OPTION. */
  constructor(
    name: string,
    action: Action,
    options: BreakerOptions<A, R> = {},
    world: Surroundings = systemSurroundings,
    overrides: Overrides = new Overrides(world),
  ) {
    super();
    checkName('breaker', name);
    checkFunction(name, action);
    this.name = name;
    this.#action = action;
    this.#options = resolveOptions(name, options);
    this.#core = new Core(name, this.#options, world, this.#tell.bind(this));
    this.#overrides = overrides;
    overrides.join(name, (mode, about) => this.#takeUp(mode ?? this.#options.mode, about));
  }

  /**
   * Calls the function with these arguments, within the timeout, retries and places that are set. Settles exactly once.
   *
   * Rejects with the function's own error, or SPILLWAY_BREAKER_OPEN (`details.retryAfterMs`), SPILLWAY_BREAKER_TIMEOUT,
   * SPILLWAY_BREAKER_FULL, SPILLWAY_CLOSED; with a fallback, with what that throws.
   */
  fire(...args: A): Promise<Awaited<R>> {
    const core = this.#core;
    const now = core.world.monotonic();
    core.stats.at(now).fires += 1;
    this.#tell('fire', args);
    const { fallback } = this.#options;
    const plain = fallback === undefined && core.settings.attempts === 1;
    if (plain || core.mode === 'disabled' || core.mode === 'metrics-only') return this.#attempt(args, 1, now);
    return fallback === undefined ? this.#persist(args) : this.#orFallback(args, fallback);
  }

  /**
   * Lets one piece of work through that is no single promise, such as a stream; its outcome is reported to the permit. It
   * takes a place, and no timeout. Throws as `fire` rejects; it never waits for a place.
   */
  begin(): Permit {
    return startPermit(this.#core, false);
  }

  /** As `begin`, also when open; the state machine does not learn the outcome. Throws SPILLWAY_CLOSED. */
  beginAnyway(): Permit {
    return startPermit(this.#core, true);
  }

  /** What an error that `fire` rejected with says: the verdict, or `refused` when this breaker did not let the call through. */
  judge(error: unknown): Verdict | 'refused' {
    return this.#core.judge(error);
  }

  get state(): BreakerState {
    return this.mode === 'forced-open' ? 'open' : this.#core.machine.state.kind;
  }

  get closed(): boolean {
    return this.state === 'closed';
  }

  get opened(): boolean {
    return this.state === 'open';
  }

  get halfOpen(): boolean {
    return this.state === 'halfOpen';
  }

  get isShutdown(): boolean {
    return this.#core.closed;
  }

  get mode(): BreakerMode {
    return this.#core.mode;
  }

  /** The mode that was set by hand, if one was. */
  get override(): ModeOverride | undefined {
    return this.#overrides.of(this.name);
  }

  /** In how many ms it is worth calling again: 0 now, Infinity while it is forced open. */
  get retryAfterMs(): number {
    return this.#core.retryAfterMs(this.#core.world.monotonic());
  }

  /** The timeout of one attempt, ms, or false. */
  get timeoutMs(): number | false {
    return this.#core.settings.timeoutMs;
  }

  /** The last 10 s in opossum's words, and how it stands. */
  get stats(): BreakerStats {
    const { stats, machine, bulkhead, world } = this.#core;
    const now = world.monotonic();
    const { calls, failures, slow } = machine.window(now);
    const { state, mode, override, retryAfterMs } = this;
    const forced = mode === 'forced-open';
    const { state: inner } = machine;
    return {
      name: this.name,
      state,
      mode,
      ...(override === undefined ? {} : { override }),
      ...(forced ? { reason: 'forced' } : inner.kind === 'open' ? { reason: inner.reason } : {}),
      ...(forced ? {} : { retryAfterMs }),
      running: bulkhead.running,
      queued: bulkhead.queued,
      window: {
        calls,
        failures,
        slow,
        failurePercent: calls === 0 ? 0 : (100 * failures) / calls,
        slowPercent: calls === 0 ? 0 : (100 * slow) / calls,
      },
      ...stats.recent(now),
      totals: stats.totals(),
    };
  }

  /**
   * Sets the mode by hand. Effective here when it returns; calls that run keep what they started with. It stands before the
   * options until it is set anew, or `expiresIn` is over. Taken away by `null`, and by `automatic` where the options say so too.
   *
   * That of a Spillway's breaker holds in every process of the machine within a second, in those that start too, and survives
   * a restart: it is kept when the promise resolves. Where there is no file to keep it in (`createBreaker`; the engines redis
   * and postgres; `:memory:`), it holds in this process.
   *
   * Throws SPILLWAY_INVALID_OPTION. Rejects with SPILLWAY_BREAKER_MODE_NOT_KEPT: then it holds in this process only.
   */
  setMode(mode: BreakerMode | null, change: SetMode = {}): Promise<void> {
    const isNone = mode === 'automatic' && this.#options.mode === 'automatic';
    return this.#overrides.set(this.name, isNone ? null : mode, change);
  }

  /**
   * Changes settings while it works: calls that run keep their timeout, and a changed window starts empty. Throws
   * SPILLWAY_INVALID_OPTION, and then nothing has changed.
   */
  configure(changes: BreakerSettings): void {
    this.#core.configure(changeSettings(this.name, this.#core.settings, changes));
    this.#tell('configure', Object.keys(changes));
  }

  /** Closes the circuit by hand, and forgets what has been. */
  close(): void {
    this.#core.machine.close();
  }

  /** Ends it: further calls reject with SPILLWAY_CLOSED, those that run go on within their timeouts. */
  shutdown(): void {
    if (this.#core.closed) return;
    this.#core.shutdown();
    this.#overrides.leave(this.name);
    this.#tell('shutdown');
    this.removeAllListeners();
  }

  #takeUp(mode: BreakerMode, { by, reason, expiresAt }: About): void {
    const previous = this.mode;
    if (mode === previous) return;
    this.#core.setMode(mode);
    this.#tell('mode', {
      ...{ mode, previous },
      ...(by === undefined ? {} : { by }),
      ...(reason === undefined ? {} : { reason }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
  }

  #attempt(args: A, attempt: number, now: number): Promise<Awaited<R>> {
    const core = this.#core;
    if (core.mode === 'disabled' && !core.closed) return this.#unprotected(args);
    if (!core.admits(now)) return Promise.reject(core.refuse(now));
    if (!core.bulkhead.free && core.mode !== 'metrics-only') return this.#queue(args, attempt, now);
    return this.#start(args, attempt, now);
  }

  #queue(args: A, attempt: number, now: number): Promise<Awaited<R>> {
    const core = this.#core;
    return new Promise((resolve, reject) => {
      const enter = () => resolve(this.#start(args, attempt, core.world.monotonic()));
      const refuse = () => {
        const then = core.world.monotonic();
        reject(core.refuseFull(then, then - now));
      };
      if (!core.bulkhead.wait(now + core.settings.queueWaitMs, enter, refuse)) refuse();
    });
  }

  #start(args: A, attempt: number, now: number): Promise<Awaited<R>> {
    const core = this.#core;
    const context = this.#options.withContext ? new Context(attempt) : undefined;
    const call = core.start(now, args, context);
    if (call === undefined) return Promise.reject(core.refuse(now));
    return new Promise((resolve, reject) => {
      call.cut = reject;
      const succeed = (value: unknown) => {
        core.succeeded(call, value);
        resolve(value as Awaited<R>);
      };
      const fail = (error: unknown) => {
        core.failed(call, error);
        reject(error);
      };
      try {
        const result = this.#call(args, context);
        if (isThenable(result)) result.then(succeed, fail);
        else succeed(result);
      } catch (error) {
        fail(error);
      }
    });
  }

  #call(args: A, context: Context | undefined): unknown {
    const action = this.#action as (...args: unknown[]) => unknown;
    return context === undefined ? action(...args) : action(context, ...args);
  }

  async #unprotected(args: A): Promise<Awaited<R>> {
    return (await this.#call(args, this.#options.withContext ? new Context(1) : undefined)) as Awaited<R>;
  }

  async #persist(args: A): Promise<Awaited<R>> {
    const { attempts } = this.#core.settings;
    if (attempts === 1 || retrying.getStore()?.active) {
      return this.#attempt(args, 1, this.#core.world.monotonic());
    }
    const loop = { active: true };
    try {
      return await retrying.run(loop, () => this.#loop(args, attempts));
    } finally {
      loop.active = false;
    }
  }

  async #loop(args: A, attempts: number): Promise<Awaited<R>> {
    const core = this.#core;
    const isLast = (attempt: number, judgement: Judgement) => {
      if (attempt >= attempts || judgement !== 'failure') return true;
      return core.mode !== 'automatic' || !core.admits(core.world.monotonic());
    };
    for (let attempt = 1; ; attempt += 1) {
      let failed: unknown;
      try {
        const result = await this.#attempt(args, attempt, core.world.monotonic());
        if (isLast(attempt, core.judgeResult(result))) return result;
        failed = result;
        discardBody(result);
      } catch (error) {
        if (isLast(attempt, core.judge(error))) throw error;
        failed = error;
      }
      core.stats.at(core.world.monotonic()).retries += 1;
      this.#tell('retry', failed, attempt + 1);
      const { retryMs: ms, retryFactor: factor, retryMaxMs: maxMs, retryJitter: jitter } = core.settings;
      await core.sleep(backoffMs({ ms, factor, maxMs, jitter }, attempt, core.world.random()));
    }
  }

  async #orFallback(args: A, fallback: NonNullable<FullOptions<A, R>['fallback']>): Promise<Awaited<R>> {
    const core = this.#core;
    try {
      return await this.#persist(args);
    } catch (error) {
      const judgement = core.judge(error);
      if (judgement === 'success' || judgement === 'ignore') throw error;
      const result = fallback(...args, error);
      core.stats.at(core.world.monotonic()).fallbacks += 1;
      this.#tell('fallback', result, error);
      return await result;
    }
  }

  #tell<Name extends keyof BreakerEvents>(event: Name, ...args: BreakerEvents[Name]): void {
    if (this.listenerCount(event) > 0) tell(() => this.emit(event, ...(args as never)));
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
