import { EventEmitter } from 'node:events';
import { SpillwayError } from '../../shared/errors.ts';
import type { Breaker } from '../breaker.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Task } from '../task.ts';
import { tell, warn } from '../tell.ts';
import { allFailed, type Fruitless, noneAsked, type Skipped, tookTooLong, whyRefused } from './errors.ts';
import type { ChainSettings } from './settings.ts';
import { deliver, type OpenStream, openStream } from './stream.ts';
import type { ChainEvents, ChainStats, Provider } from './types.ts';
import { within } from './within.ts';

interface Candidate<A extends unknown[], R, C> {
  readonly provider: Provider<A, R, C>;
  readonly breaker: Breaker<[Task], unknown>;
}

/** Who waits looks up so often: somebody may have changed a mode, or shut all down. */
const LONGEST_SLEEP_MS = 1_000;

/** Asks one provider; `anyway` also when its breaker is open. */
type Ask<A extends unknown[], R, C, T> = (candidate: Candidate<A, R, C>, anyway: boolean) => Promise<T>;

/**
 * Providers in order of preference. A call goes to the first whose breaker lets it through; when that fails, to the next.
 */
export class Chain<A extends unknown[], R, C> extends EventEmitter<ChainEvents> {
  readonly name: string;
  readonly #candidates: readonly Candidate<A, R, C>[];
  readonly #settings: ChainSettings<A, R, C>;
  readonly #world: Surroundings;
  readonly #stats: ChainStats;

  /** `spillway.chain` makes them. */
  constructor(
    name: string,
    candidates: readonly Candidate<A, R, C>[],
    settings: ChainSettings<A, R, C>,
    world: Surroundings,
  ) {
    super();
    this.name = name;
    this.#candidates = candidates;
    this.#settings = settings;
    this.#world = world;
    const served = Object.fromEntries(candidates.map(({ provider }) => [provider.name, 0]));
    this.#stats = { fires: 0, served, failovers: 0, failed: 0, unavailable: 0, incomplete: 0 };
  }

  /**
   * The answer of the first provider that gives one.
   *
   * Rejects with SPILLWAY_CHAIN_UNAVAILABLE when none could be asked, SPILLWAY_CHAIN_FAILED when all that were asked failed, and
   * with the provider's own error when that says that the request is at fault.
   */
  async fire(...args: A): Promise<R> {
    const { dedupe } = this.#settings;
    const key = dedupe?.key(...args);
    if (dedupe === undefined || key === undefined) return this.#fire(args);
    return dedupe.share(key, () => this.#fire(args));
  }

  /**
   * The chunks of the first provider that sends one. Nothing is asked before the first is wanted.
   *
   * Throws as `fire` rejects, until the first chunk; after that SPILLWAY_STREAM_INCOMPLETE.
   */
  async *stream(...args: A): AsyncGenerator<C, void, void> {
    this.#stats.fires += 1;
    const timing = { world: this.#world, ...this.#settings };
    const ask: Ask<A, R, C, OpenStream<C>> = async ({ provider, breaker }, anyway) => {
      const permit = anyway ? breaker.beginAnyway() : breaker.begin();
      return openStream(provider.name, permit, () => provider.stream!(permit.context, ...args), timing);
    };
    const open = await this.#inOrder(args, 'stream', ask);
    try {
      yield* deliver(open, timing, chunk => this.#spent(open.provider, args, chunk));
      this.#served(open.provider);
    } catch (error) {
      this.#stats.incomplete += 1;
      throw error;
    }
  }

  /** In how many ms it is worth asking again: 0 when a provider may be asked, Infinity when all are forced open. */
  get retryAfterMs(): number {
    return Math.min(...this.#candidates.map(({ breaker }) => breaker.retryAfterMs));
  }

  get stats(): ChainStats {
    return { ...this.#stats, served: { ...this.#stats.served } };
  }

  async #fire(args: A): Promise<R> {
    this.#stats.fires += 1;
    return this.#inOrder(args, 'call', async ({ provider, breaker }, anyway) => {
      const task: Task = context => provider.call!(context, ...args);
      const answer = (await (anyway ? this.#unasked(breaker, task) : breaker.fire(task))) as R;
      this.#spent(provider.name, args, answer);
      this.#served(provider.name);
      return answer;
    });
  }

  /** Runs the task though the breaker is open, within its timeout. */
  async #unasked(breaker: Breaker<[Task], unknown>, task: Task): Promise<unknown> {
    const permit = breaker.beginAnyway();
    const { timeoutMs, name } = breaker;
    const late = () => {
      const error = tookTooLong(name, 'took longer than', Number(timeoutMs));
      permit.timeOut(error);
      return error;
    };
    try {
      const work = Promise.resolve(task(permit.context));
      const answer = await (timeoutMs === false ? work : within(this.#world, timeoutMs, work, late));
      permit.succeed(answer);
      return answer;
    } catch (error) {
      permit.fail(error);
      permit.abort(error);
      throw error;
    }
  }

  /** Asks one provider after the other, and what is set for the case that all are open. */
  async #inOrder<T>(args: A, what: 'call' | 'stream', ask: Ask<A, R, C, T>): Promise<T> {
    const { whenAllOpen, waitMs } = this.#settings;
    const end = this.#world.monotonic() + waitMs;
    for (;;) {
      const round = await this.#round(args, what, ask);
      if ('answer' in round) return round.answer;
      if (Object.keys(round.failed).length > 0) throw this.#allFailed(round);
      const open = this.#candidates.filter(({ provider }) => round.skipped[provider.name] === 'open');
      if (whenAllOpen === 'bypass') {
        const chosen = await this.#chooseForBypass(open, args);
        if (chosen !== undefined) return this.#bypass(chosen, round, ask);
      }
      const retryAfterMs = Math.min(
        Number.POSITIVE_INFINITY,
        ...open.map(({ breaker }) => breaker.retryAfterMs),
      );
      const mayWait = whenAllOpen === 'wait' && this.#world.monotonic() + retryAfterMs <= end;
      if (!mayWait) throw this.#noneAsked(round, retryAfterMs);
      await this.#sleep(Math.min(Math.max(1, retryAfterMs), LONGEST_SLEEP_MS));
    }
  }

  async #round<T>(
    args: A,
    what: 'call' | 'stream',
    ask: Ask<A, R, C, T>,
  ): Promise<{ answer: T } | Fruitless> {
    const skipped: Record<string, Skipped> = {};
    const failed: Record<string, unknown> = {};
    for (const candidate of this.#candidates) {
      const { name } = candidate.provider;
      const why = this.#whyNot(candidate, what) ?? (await this.#whyUnpaid(candidate, args));
      if (why !== undefined) {
        skipped[name] = why;
        continue;
      }
      if (Object.keys(failed).length > 0) this.#stats.failovers += 1;
      try {
        return { answer: await ask(candidate, false) };
      } catch (error) {
        if (candidate.breaker.judge(error) === 'refused') skipped[name] = whyRefused(error);
        else failed[name] = this.#mayGoOn(candidate, error);
      }
    }
    return { skipped, failed };
  }

  async #bypass<T>(candidate: Candidate<A, R, C>, { skipped }: Fruitless, ask: Ask<A, R, C, T>): Promise<T> {
    try {
      return await ask(candidate, true);
    } catch (error) {
      throw this.#allFailed({
        skipped,
        failed: { [candidate.provider.name]: this.#mayGoOn(candidate, error) },
      });
    }
  }

  /** The error of a provider after which another may be asked; throws one that every provider would give. */
  #mayGoOn({ provider, breaker }: Candidate<A, R, C>, error: unknown): unknown {
    if (!this.#settings.tryNext(error, breaker.judge(error))) throw error;
    tell(() => this.emit('failed', { provider: provider.name, error }));
    return error;
  }

  #whyNot({ provider, breaker }: Candidate<A, R, C>, what: 'call' | 'stream'): Skipped | undefined {
    if (provider[what] === undefined) return 'unable';
    if (breaker.isShutdown) {
      throw new SpillwayError('SPILLWAY_CLOSED', `Breaker ${breaker.name} is shut down`);
    }
    return breaker.retryAfterMs > 0 ? 'open' : undefined;
  }

  async #whyUnpaid({ provider }: Candidate<A, R, C>, args: A): Promise<Skipped | undefined> {
    const { budget } = this.#settings;
    if (budget === undefined) return undefined;
    const call = { chain: this.name, provider: provider.name, args };
    return (await budget.allow(call)) === true ? undefined : 'budget';
  }

  async #chooseForBypass(
    open: readonly Candidate<A, R, C>[],
    args: A,
  ): Promise<Candidate<A, R, C> | undefined> {
    for (const candidate of open) {
      if (candidate.breaker.mode === 'forced-open') continue;
      if ((await this.#whyUnpaid(candidate, args)) === undefined) return candidate;
    }
    return undefined;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise(resolve => this.#world.after(ms, resolve));
  }

  #spent(provider: string, args: A, output: R | C): void {
    const { budget } = this.#settings;
    if (budget === undefined) return;
    // An answer that was paid for is given, whatever becomes of its bill.
    tell(() => {
      const done: unknown = budget.spent({ chain: this.name, provider, args }, output);
      if (done instanceof Promise) done.catch(warn);
    });
  }

  #served(provider: string): void {
    this.#stats.served[provider] = (this.#stats.served[provider] ?? 0) + 1;
  }

  #allFailed(round: Fruitless): SpillwayError {
    this.#stats.failed += 1;
    return allFailed(this.name, round, this.retryAfterMs);
  }

  #noneAsked(round: Fruitless, retryAfterMs: number): SpillwayError {
    this.#stats.unavailable += 1;
    const error = noneAsked(this.name, round, retryAfterMs);
    tell(() => this.emit('unavailable', error));
    return error;
  }
}
