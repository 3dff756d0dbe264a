import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { SpillwayError } from '../shared/errors.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import { Breaker, type BreakerStats } from './breaker.ts';
import { Chain } from './chain/chain.ts';
import { checkProviders, resolveChain } from './chain/settings.ts';
import type { ChainOptions, Provider } from './chain/types.ts';
import type { BreakersEvents, ModeChange } from './events.ts';
import { type FetchLike, type GuardFetch, type GuardOptions, guardFetch } from './guards/fetch.ts';
import { guardMongo, type MongoClientLike } from './guards/mongo.ts';
import { guardPool, type PoolLike } from './guards/pg.ts';
import type { ModeStore, SetMode } from './override.ts';
import { type About, Overrides } from './overrides.ts';
import { checkName } from './settings.ts';
import { type Surroundings, systemSurroundings } from './surroundings.ts';
import { runTask } from './task.ts';
import { tell } from './tell.ts';
import type { Action, BreakerMode, BreakerOptions, CallContext } from './types.ts';

interface Registered {
  readonly breaker: Breaker<never[], unknown>;
  readonly action: Action;
  readonly options: object;
}

/** All breakers of an application, by name, and what happens to any of them. */
export interface Breakers extends Pick<EventEmitter<BreakersEvents>, 'on' | 'once' | 'off'> {
  /** How each breaker is doing. */
  stats(): Record<string, BreakerStats>;
  /** The breaker of this name. Throws SPILLWAY_UNKNOWN_BREAKER. */
  get(name: string): Breaker<never[], unknown>;
  /**
   * As `Breaker.setMode`; with `elsewhere: true`, and for a name for which a mode is set, also where only other processes have
   * that breaker. Throws SPILLWAY_UNKNOWN_BREAKER and as that does.
   */
  setMode(name: string, mode: BreakerMode | null, change?: SetMode): Promise<void>;
  /** A `fetch` behind a breaker. */
  readonly fetch: GuardFetch;
  /** A node-postgres pool behind a breaker; see `guardPool`. */
  pool<P extends PoolLike>(name: string, pool: P, options?: GuardOptions): P;
  /** A MongoDB client behind a breaker; see `guardMongo`. */
  mongo<C extends MongoClientLike>(name: string, client: C, options?: GuardOptions): C;
}

/** Makes a breaker, or gives the one that was made with this very function and these options. */
export interface MakeBreaker {
  /**
   * With `withContext: true`, the function is given a `CallContext` before the arguments of `fire`: its `signal` is aborted
   * when this call times out.
   *
   * Throws SPILLWAY_INVALID_OPTION, SPILLWAY_BREAKER_EXISTS, SPILLWAY_CLOSED.
   */
  <A extends unknown[], R>(
    name: string,
    fn: (context: CallContext, ...args: A) => R,
    options: BreakerOptions<A, R> & { withContext: true },
  ): Breaker<A, R>;
  <A extends unknown[], R>(
    name: string,
    fn: (...args: A) => R,
    options?: BreakerOptions<A, R> & { withContext?: false },
  ): Breaker<A, R>;
}

/** Makes a chain of providers, each behind a breaker of its name. Throws as `MakeBreaker` does. */
export type MakeChain = <A extends unknown[], R, C = never>(
  name: string,
  providers: readonly Provider<A, R, C>[],
  options?: ChainOptions<A, R, C>,
) => Chain<A, R, C>;

/** A breaker of its own: no registry knows it, and nobody but its user shuts it down. */
export const createBreaker: MakeBreaker = <A extends unknown[], R>(
  name: string,
  action: Action,
  options: BreakerOptions<A, R> = {},
): Breaker<A, R> => new Breaker<A, R>(name, action, options);

/** One breaker a name, each change of state in the log, and all shut down together. */
export class BreakerRegistry extends EventEmitter<BreakersEvents> implements Breakers {
  readonly #breakers = new Map<string, Registered>();
  readonly #logger: Logger;
  readonly #world: Surroundings;
  readonly #overrides: Overrides;
  #closed = false;

  /** @param modes where modes set by hand are kept for other processes; without, each holds in this one. */
  constructor(logger: Logger = silentLogger, world: Surroundings = systemSurroundings, modes?: ModeStore) {
    super();
    this.#logger = logger;
    this.#world = world;
    this.#overrides = new Overrides(world, modes, logger);
  }

  readonly breaker: MakeBreaker = <A extends unknown[], R>(
    name: string,
    action: Action,
    options: BreakerOptions<A, R> = {},
  ): Breaker<A, R> => {
    if (this.#closed) throw new SpillwayError('SPILLWAY_CLOSED', 'This Spillway is closed');
    const known = this.#breakers.get(name);
    if (known !== undefined) {
      if (known.action !== action || !isDeepStrictEqual(known.options, { ...options })) throw exists(name);
      return known.breaker as unknown as Breaker<A, R>;
    }
    const breaker = new Breaker<A, R>(name, action, options, this.#world, this.#overrides);
    const registered = breaker as unknown as Breaker<never[], unknown>;
    this.#breakers.set(name, { breaker: registered, action, options: { ...options } });
    breaker.once('shutdown', () => this.#breakers.delete(name));
    this.#watch(registered);
    return breaker;
  };

  readonly chain: MakeChain = <A extends unknown[], R, C>(
    name: string,
    providers: readonly Provider<A, R, C>[],
    options: ChainOptions<A, R, C> = {},
  ): Chain<A, R, C> => {
    checkName('chain', name);
    checkProviders(name, providers);
    const settings = resolveChain(name, options);
    const before = new Set(this.#breakers.keys());
    try {
      const candidates = providers.map(provider => {
        const own = { preset: 'ai', ...provider.breaker, withContext: true } as const;
        return { provider, breaker: this.breaker(provider.name, runTask, own) };
      });
      return new Chain(name, candidates, settings, this.#world);
    } catch (error) {
      for (const [made, { breaker }] of [...this.#breakers]) if (!before.has(made)) breaker.shutdown();
      throw error;
    }
  };

  stats(): Record<string, BreakerStats> {
    return Object.fromEntries([...this.#breakers].map(([name, { breaker }]) => [name, breaker.stats]));
  }

  get(name: string): Breaker<never[], unknown> {
    const known = this.#breakers.get(name);
    if (known !== undefined) return known.breaker;
    throw this.#unknown(name, '');
  }

  #unknown(name: unknown, mend: string): SpillwayError {
    const known = [...this.#breakers.keys()];
    const breaker = String(name).slice(0, 100);
    return new SpillwayError(
      'SPILLWAY_UNKNOWN_BREAKER',
      `There is no breaker ${JSON.stringify(breaker)} in this process; known are: ${known.join(', ') || 'none'}${mend}`,
      { details: { breaker, known } },
    );
  }

  setMode(name: string, mode: BreakerMode | null, change: SetMode = {}): Promise<void> {
    const known = this.#breakers.get(name);
    return known === undefined ? this.#setElsewhere(name, mode, change) : known.breaker.setMode(mode, change);
  }

  #setElsewhere(name: string, mode: BreakerMode | null, change: SetMode): Promise<void> {
    checkName('breaker', name);
    const asked = change?.elsewhere === true;
    if (!this.#overrides.reachOthers)
      throw this.#unknown(name, asked ? '; there is no file by which another process would hear of it' : '');
    if (!asked && !this.#overrides.knows(name))
      throw this.#unknown(name, '; if only another process has it, set it with elsewhere: true');
    const keeping = this.#overrides.set(name, mode, change);
    const what = mode === null ? 'free of a mode set by hand' : mode;
    const { by, reason } = change;
    const about = { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
    const message = `Breaker ${name} of other processes is ${what}${said(about)}`;
    const told = keeping.then(() => this.#logger.warn({ breaker: name, mode, ...about }, message));
    // Who does not wait for it must not end because of it.
    told.catch(() => undefined);
    return told;
  }

  readonly fetch = ((name: string, options?: GuardOptions, fetch?: FetchLike) =>
    guardFetch(this.breaker, name, options, fetch)) as GuardFetch;

  pool<P extends PoolLike>(name: string, pool: P, options?: GuardOptions): P {
    return guardPool(this.breaker, name, pool, options);
  }

  mongo<C extends MongoClientLike>(name: string, client: C, options?: GuardOptions): C {
    return guardMongo(this.breaker, name, client, options);
  }

  close(): void {
    this.#closed = true;
    this.#overrides.close();
    for (const { breaker } of [...this.#breakers.values()]) breaker.shutdown();
  }

  /** Nothing that happens to a breaker is silent: a line in the log, and an event here. */
  #watch(breaker: Breaker<never[], unknown>): void {
    const { name, override } = breaker;
    if (override !== undefined) {
      const { mode } = override;
      this.#logger.warn(
        { breaker: name, ...override },
        `Breaker ${name} is ${mode}, set by hand${said(override)}`,
      );
    }
    const pass = <Event extends keyof BreakersEvents>(event: Event, ...args: BreakersEvents[Event]) =>
      tell(() => this.emit(event, ...(args as never)));
    breaker.on('open', why => {
      const { reason, openForMs } = why;
      const until = openForMs === undefined ? 'until its mode is changed' : `for ${Math.ceil(openForMs)} ms`;
      this.#logger.warn({ breaker: name, ...why }, `Breaker ${name} opened ${until}: ${reason}`);
      pass('open', name, why);
    });
    breaker.on('halfOpen', () => {
      this.#logger.info({ breaker: name }, `Breaker ${name} probes`);
      pass('halfOpen', name);
    });
    breaker.on('close', () => {
      this.#logger.info({ breaker: name }, `Breaker ${name} closed`);
      pass('close', name);
    });
    breaker.on('alert', alert => {
      const message = `The service behind breaker ${name} refuses every call: check its key, its payment and its rights`;
      this.#logger.error({ breaker: name, err: alert.error }, message);
      pass('alert', name, alert);
    });
    breaker.on('mode', change => {
      this.#logger.warn({ breaker: name, ...change }, modeMessage(name, change));
      pass('mode', name, change);
    });
    breaker.on('configure', changed => {
      this.#logger.info(
        { breaker: name, changed },
        `Breaker ${name} has other settings: ${changed.join(', ')}`,
      );
    });
  }
}

function exists(name: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_BREAKER_EXISTS',
    `There is a breaker ${JSON.stringify(name)} already, with another function or other options; make it once and pass it on, use breakers.get(name), or choose another name`,
    { details: { breaker: name } },
  );
}

function modeMessage(name: string, change: ModeChange): string {
  return `Breaker ${name} is ${change.mode}, was ${change.previous}${said(change)}`;
}

function said({ by, reason, expiresAt }: About): string {
  const until = expiresAt === undefined ? '' : `until ${new Date(expiresAt).toISOString()}`;
  const who = by === undefined ? reason : `by ${by}${reason === undefined ? '' : `: ${reason}`}`;
  return `${until && `, ${until}`}${who === undefined ? '' : ` (${who})`}`;
}
