import { isDeepStrictEqual } from 'node:util';
import { SpillwayError } from '../shared/errors.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import { checkOverride, type KeptMode, type ModeOverride, type ModeStore, type SetMode } from './override.ts';
import { type Surroundings, systemSurroundings, type Timer } from './surroundings.ts';
import { type BreakerMode, breakerModes } from './types.ts';

/** The store is asked so often what other processes have set, ms: a mode set by hand holds everywhere within a second. */
const LOOK_MS = 250;

/** Takes a mode up; undefined: what the breaker's options say. */
type Follow = (mode: BreakerMode | undefined, about: About) => void;

/** Who set it, why, and until when. */
export type About = Pick<ModeOverride, 'by' | 'reason' | 'expiresAt'>;

/**
 * The modes set by hand for the breakers of one registry. With a store they are those of all its processes; without one, and
 * where it could not keep one, they hold here alone.
 */
export class Overrides {
  readonly #world: Surroundings;
  readonly #store: ModeStore | undefined;
  readonly #logger: Logger;
  readonly #breakers = new Map<string, Follow>();
  readonly #inForce = new Map<string, ModeOverride>();
  /** What the store said last. Only a change of it counts: so what it could not keep goes on to stand here. */
  readonly #kept = new Map<string, KeptMode>();
  /** Names that are being written: what is read of them meanwhile may be older. */
  readonly #writing = new Map<string, number>();
  #writes = 0;
  #timer: Timer | undefined;
  /** Whether the store could not be asked. */
  #troubled = false;
  #closed = false;

  constructor(
    world: Surroundings = systemSurroundings,
    store: ModeStore | undefined = undefined,
    logger: Logger = silentLogger,
  ) {
    this.#world = world;
    this.#store = store;
    this.#logger = logger;
  }

  of(breaker: string): ModeOverride | undefined {
    return this.#inForce.get(breaker);
  }

  /** Whether other processes hear of what is set here. */
  get reachOthers(): boolean {
    return this.#store !== undefined;
  }

  /** Whether a mode is set for it now, by whatever process. */
  knows(breaker: string): boolean {
    this.#endOverdue();
    this.#lookNow();
    return this.#inForce.has(breaker);
  }

  /** From now on the breaker follows; the mode that is set for it already it takes up before this returns. */
  join(breaker: string, follow: Follow): void {
    this.#endOverdue();
    this.#lookNow();
    this.#breakers.set(breaker, follow);
    const override = this.#inForce.get(breaker);
    if (override !== undefined) follow(override.mode, override);
    this.#schedule(LOOK_MS);
  }

  leave(breaker: string): void {
    this.#breakers.delete(breaker);
    if (this.#breakers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /**
   * Here at once; the promise resolves when the store has it, and rejects when it has not: then it holds here alone. Throws
   * SPILLWAY_INVALID_OPTION, and then nothing is set.
   */
  set(breaker: string, mode: BreakerMode | null, change: SetMode): Promise<void> {
    const { expiresInMs, ...about } = checkOverride(breaker, mode, change);
    const setAt = this.#world.now();
    const expiresAt = expiresInMs === undefined || mode === null ? null : setAt + expiresInMs;
    const override: ModeOverride | undefined =
      mode === null
        ? undefined
        : { mode, ...about, setAt, ...(expiresAt === null ? {} : { expiresAt }), shared: false };
    this.#put(breaker, override, override ?? about);
    this.#schedule(LOOK_MS);
    const keeping = this.#keep(breaker, { value: mode, by: '', reason: '', ...about, expiresAt });
    // Who does not wait for it must not end because of it.
    keeping.catch(() => undefined);
    return keeping;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #keep(breaker: string, setting: Parameters<ModeStore['write']>[1]): Promise<void> {
    if (this.#store === undefined) return;
    this.#writes += 1;
    this.#writing.set(breaker, (this.#writing.get(breaker) ?? 0) + 1);
    const error = await this.#store.write(breaker, setting).then(
      () => undefined,
      cause => notKept(breaker, setting.value, cause),
    );
    const left = (this.#writing.get(breaker) ?? 1) - 1;
    if (left === 0) this.#writing.delete(breaker);
    else this.#writing.set(breaker, left);
    if (error === undefined) return this.#lookNow();
    // What the store has instead is no news.
    this.#lookNow(breaker);
    this.#logger.warn({ breaker, err: error }, error.message);
    throw error;
  }

  #put(breaker: string, override: ModeOverride | undefined, about: About = override ?? {}): void {
    if (override === undefined) this.#inForce.delete(breaker);
    else this.#inForce.set(breaker, override);
    this.#breakers.get(breaker)?.(override?.mode, about);
  }

  #lookNow(known?: string): void {
    try {
      if (this.#store !== undefined && !this.#closed) this.#take(this.#store.readNow(), known);
    } catch (error) {
      this.#trouble(error);
    }
  }

  async #look(): Promise<void> {
    this.#endOverdue();
    if (this.#store === undefined) return this.#schedule(LOOK_MS);
    const writes = this.#writes;
    try {
      const kept = await this.#store.read();
      if (this.#closed) return;
      // One written meanwhile may be newer than what was read; the next look is soon.
      if (writes === this.#writes) this.#take(kept);
    } catch (error) {
      if (this.#closed) return;
      this.#trouble(error);
    }
    this.#schedule(LOOK_MS);
  }

  /** @param known a breaker of which nothing in it is news. */
  #take(kept: readonly KeptMode[], known?: string): void {
    if (this.#troubled)
      this.#logger.info({}, 'Modes of breakers that are set by hand in other processes are heard again');
    this.#troubled = false;
    const found = new Map(kept.map(each => [each.name, each]));
    for (const name of new Set([...this.#kept.keys(), ...found.keys()])) {
      if (this.#writing.has(name)) continue;
      const now = found.get(name);
      if (isDeepStrictEqual(now, this.#kept.get(name))) continue;
      if (now === undefined) this.#kept.delete(name);
      else this.#kept.set(name, now);
      if (name !== known) this.#obey(name, now);
    }
  }

  #obey(name: string, kept: KeptMode | undefined): void {
    if (kept === undefined) {
      this.#put(name, undefined, { reason: 'its time is over' });
      return;
    }
    const { value, by, reason, at, expiresAt } = kept;
    const about = { ...(by === '' ? {} : { by }), ...(reason === '' ? {} : { reason }) };
    const expires = expiresAt === null ? {} : { expiresAt };
    if (value === null) this.#put(name, undefined, about);
    else if (isMode(value)) this.#put(name, { mode: value, ...about, setAt: at, ...expires, shared: true });
  }

  /** Also while the store can't be asked. One that was only set here gives way to what the store has. */
  #endOverdue(): void {
    const now = this.#world.now();
    const isOver = (expiresAt: number | null | undefined) =>
      typeof expiresAt === 'number' && expiresAt <= now;
    for (const [name, { expiresAt }] of [...this.#inForce]) {
      if (!isOver(expiresAt)) continue;
      const kept = this.#kept.get(name);
      this.#obey(name, isOver(kept?.expiresAt) ? undefined : kept);
    }
  }

  #trouble(error: unknown): void {
    if (this.#troubled) return;
    this.#troubled = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#logger.warn(
      { err: error },
      `Modes of breakers that are set by hand in other processes are not heard, and none that is set here is kept: ${why}`,
    );
  }

  #schedule(ms: number): void {
    const expires = [...this.#inForce.values()].some(({ expiresAt }) => expiresAt !== undefined);
    const needed = this.#breakers.size > 0 && (this.#store !== undefined || expires);
    if (this.#closed || this.#timer !== undefined || !needed) return;
    this.#timer = this.#world.after(ms, () => {
      this.#timer = undefined;
      void this.#look();
    });
    this.#timer.hold(false);
  }
}

/** A newer version may know more. */
function isMode(value: string): value is BreakerMode {
  return breakerModes.includes(value as BreakerMode);
}

function notKept(breaker: string, mode: string | null, cause: unknown): SpillwayError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const what = mode === null ? 'free of a mode set by hand' : mode;
  return new SpillwayError(
    'SPILLWAY_BREAKER_MODE_NOT_KEPT',
    `Breaker ${breaker} is ${what} in this process only: the file did not take it (${why})`,
    { cause, details: { breaker, mode } },
  );
}
