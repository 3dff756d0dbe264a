import { EventEmitter } from 'node:events';
import { SpillwayError } from '../../shared/errors.ts';
import type { Breaker } from '../breaker.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Task } from '../task.ts';
import { tell } from '../tell.ts';
import { type ChainSettings, resolveChain } from './settings.ts';
import { deliver, type OpenStream, openStream } from './stream.ts';
import type { ChainEvents, ChainOptions, ChainStats, Provider } from './types.ts';
import { within } from './within.ts';

interface Candidate<A extends unknown[], R, C> {
  readonly provider: Provider<A, R, C>;
  readonly breaker: Breaker<[Task], unknown>;
}

/** Who waits looks up so often: somebody may have changed a mode, or shut all down. */
const LONGEST_SLEEP_MS = 1_000;

type Skipped = 'open' | 'full' | 'budget' | 'unable';

/**
 * Providers in order of preference. A call goes to the first whose breaker lets it through; when that fails, to the next.
 */
export class Chain<A extends unknown[], R, C> extends EventEmitter<ChainEvents> {
  readonly name: string;
  readonly #candidates: readonly Candidate<A, R, C>[];
  readonly #settings: ChainSettings<A, R, C>;
  readonly #world: Surroundings;
  readonly #stats: ChainStats;

  /** `spillway.chain` makes them. Throws SPILLWAY_INVALID_OPTION. */
  constructor(
    name: string,
    candidates: readonly Candidate<A, R, C>[],
    options: ChainOptions<A, R, C>,
    world: Surroundings,
  ) {
    super();
    this.name = name;
    this.#candidates = candidates;
    this.#settings = resolveChain(name, options);
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
  fire(...args: A): Promise<R> {
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
    const ask = async (candidate: Candidate<A, R, C>, anyway: boolean): Promise<OpenStream<C>> => {
      const { provider, breaker } = candidate;
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
    try {
      const work = Promise.resolve(task(permit.context));
      const answer = await (timeoutMs === false
        ? work
        : within(this.#world, timeoutMs, work, () => {
            const error = new SpillwayError(
              'SPILLWAY_BREAKER_TIMEOUT',
              `${name} took longer than ${timeoutMs} ms`,
              { details: { breaker: name, timeoutMs } },
            );
            permit.timeOut(error);
            return error;
          }));
      permit.succeed(answer);
      return answer;
    } catch (error) {
      permit.fail(error);
      permit.abort(error);
      throw error;
    }
  }

  async #inOrder<T>(
    args: A,
    what: 'call' | 'stream',
    ask: (candidate: Candidate<A, R, C>, anyway: boolean) => Promise<T>,
  ): Promise<T> {
    const { whenAllOpen, waitMs } = this.#settings;
    const end = this.#world.monotonic() + waitMs;
    for (;;) {
      const skipped: Record<string, Skipped> = {};
      const failed: Record<string, unknown> = {};
      for (const candidate of this.#candidates) {
        const { provider, breaker } = candidate;
        const why = this.#whyNot(candidate, args, what);
        if (why !== undefined) {
          skipped[provider.name] = why;
          continue;
        }
        if (Object.keys(failed).length > 0) this.#stats.failovers += 1;
        try {
          return await ask(candidate, false);
        } catch (error) {
          const judgement = breaker.judge(error);
          if (judgement === 'refused') {
            skipped[provider.name] = whyRefused(error);
            continue;
          }
          if (!this.#settings.tryNext(error, judgement)) throw error;
          failed[provider.name] = error;
          tell(() => this.emit('failed', { provider: provider.name, error }));
        }
      }
      if (Object.keys(failed).length > 0) throw this.#allFailed(failed, skipped);
      const retryAfterMs = this.#worthWaiting(skipped);
      if (whenAllOpen === 'bypass') {
        const candidate = this.#candidates.find(
          each =>
            skipped[each.provider.name] === 'open' &&
            each.breaker.mode !== 'forced-open' &&
            this.#affords(each, args),
        );
        if (candidate !== undefined) return await ask(candidate, true);
      }
      const mayWait = whenAllOpen === 'wait' && this.#world.monotonic() + retryAfterMs <= end;
      if (!mayWait) throw this.#noneCouldBeAsked(skipped, retryAfterMs);
      await this.#sleep(Math.min(Math.max(1, retryAfterMs), LONGEST_SLEEP_MS));
    }
  }

  #whyNot(candidate: Candidate<A, R, C>, args: A, what: 'call' | 'stream'): Skipped | undefined {
    const { provider, breaker } = candidate;
    if (provider[what] === undefined) return 'unable';
    if (breaker.isShutdown)
      throw new SpillwayError('SPILLWAY_CLOSED', `Breaker ${breaker.name} is shut down`);
    if (breaker.retryAfterMs > 0) return 'open';
    return this.#affords(candidate, args) ? undefined : 'budget';
  }

  #affords({ provider }: Candidate<A, R, C>, args: A): boolean {
    const { budget } = this.#settings;
    return budget === undefined || budget.allow({ chain: this.name, provider: provider.name, args });
  }

  /** When the first of those that are open is worth asking; Infinity when none is going to be. */
  #worthWaiting(skipped: Readonly<Record<string, Skipped>>): number {
    const open = this.#candidates.filter(({ provider }) => skipped[provider.name] === 'open');
    return Math.min(Number.POSITIVE_INFINITY, ...open.map(({ breaker }) => breaker.retryAfterMs));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise(resolve => this.#world.after(ms, resolve));
  }

  #spent(provider: string, args: A, output: R | C): void {
    this.#settings.budget?.spent({ chain: this.name, provider, args }, output);
  }

  #served(provider: string): void {
    this.#stats.served[provider] = (this.#stats.served[provider] ?? 0) + 1;
  }

  #allFailed(failed: Record<string, unknown>, skipped: Record<string, Skipped>): SpillwayError {
    this.#stats.failed += 1;
    const names = Object.keys(failed);
    const cause = new AggregateError(Object.values(failed), `${names.join(', ')} failed`);
    const { retryAfterMs } = this;
    return new SpillwayError('SPILLWAY_CHAIN_FAILED', `Chain ${this.name}: ${cause.message}`, {
      cause,
      details: {
        chain: this.name,
        failed: names,
        skipped,
        ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
      },
    });
  }

  #noneCouldBeAsked(skipped: Record<string, Skipped>, retryAfterMs: number): SpillwayError {
    this.#stats.unavailable += 1;
    const known = Number.isFinite(retryAfterMs);
    const error = new SpillwayError(
      'SPILLWAY_CHAIN_UNAVAILABLE',
      `No provider of chain ${this.name} can be asked${known ? `; try again in ${Math.ceil(retryAfterMs)} ms` : ''}`,
      { details: { chain: this.name, skipped, ...(known ? { retryAfterMs } : {}) } },
    );
    tell(() => this.emit('unavailable', error));
    return error;
  }
}

function whyRefused(error: unknown): Skipped {
  const { code } = error as SpillwayError;
  if (code === 'SPILLWAY_CLOSED') throw error;
  return code === 'SPILLWAY_BREAKER_FULL' ? 'full' : 'open';
}
