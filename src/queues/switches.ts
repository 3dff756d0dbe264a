import type { EngineName, SqliteOptions } from '../config/index.ts';
import { openSwitches, type Switch, type SwitchStore } from '../engines/failover/index.ts';
import type { Clock } from '../shared/clock.ts';
import { durationRange, parseDuration } from '../shared/duration.ts';
import { SpillwayError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { noSuchOption } from '../shared/unknown-option.ts';

export const switchNames = ['redis', 'cache'] as const;
/**
 * What can be switched live. `redis`: whether jobs are put into and taken from Redis (the failover engine's primary). `cache`:
 * whether reads of the cache are answered from memory and Redis, or each by its loader.
 */
export type SwitchName = (typeof switchNames)[number];
export type SwitchValue = 'on' | 'off';

/** Who switches, why, and for how long. */
export interface SwitchChange {
  /** 1 to 200 characters. */
  by: string;
  /** 1 to 500 characters. */
  reason: string;
  /** After so long it goes back to `on`: milliseconds, or '30s', '10m', '2h', '7d'. Above 0, at most a year. Default: never. */
  expiresIn?: number | string;
}

/** How a switch stands. `by`, `reason` and the times are absent when nobody has set it, or it has expired: then it is `on`. */
export interface SwitchState {
  name: SwitchName;
  value: SwitchValue;
  /** Whether there is something to switch here: `redis` with the engine failover, `cache` with an engine that has a file. */
  effective: boolean;
  by?: string;
  reason?: string;
  /** Milliseconds since 1970. */
  setAt?: number;
  expiresAt?: number;
}

/** Live switches: kept in the SQLite file, seen by every process of the machine within a second, also with Redis down. */
export interface Switches {
  /**
   * Sets a switch; durable when it resolves, and obeyed within a second. It survives a restart.
   * @throws SpillwayError SPILLWAY_UNKNOWN_SWITCH; SPILLWAY_INVALID_OPTION; SPILLWAY_SWITCH_NOT_KEPT on an engine that has no
   *   file (redis, postgres); SPILLWAY_CLOSED; the SPILLWAY_SQLITE_ errors of the file.
   */
  set(name: SwitchName, value: SwitchValue, change: SwitchChange): Promise<SwitchState>;
  /** @throws as `set`; on an engine that has no file every switch is `on`. */
  get(name: SwitchName): Promise<SwitchState>;
  /** All there are. */
  list(): Promise<SwitchState[]>;
}

/** A setting that is kept as the switches are, of what has more to it than on and off. */
export interface LiveSetting {
  readonly name: string;
  /** null: nothing is set any more. */
  readonly value: string | null;
  readonly by: string;
  readonly reason: string;
  /** Ms since 1970; null = it stands until it is set anew. */
  readonly expiresAt: number | null;
  /** When it was set, ms since 1970. */
  readonly at: number;
}

/** Settings of one kind, for a room that gives them their meaning. All reject and throw as `Switches` does. */
export interface LiveSettings {
  /** Those in force, before any turn of the event loop. Both looks leave a file alone for a while that could not be opened. */
  readNow(): LiveSetting[];
  read(): Promise<LiveSetting[]>;
  /** Durable when it resolves; seen by those who read in every process of the machine. */
  write(name: string, setting: Omit<LiveSetting, 'name' | 'at'>): Promise<void>;
}

const longestMs = 365 * 86_400_000;

/** After a file could not be opened, those who only look leave it alone for so long, twice as long each time, ms. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 16_000;

/** The switches of one Spillway. The file is opened when they are first used. */
export class FileSwitches implements Switches {
  readonly #engine: EngineName;
  readonly #sqlite: SqliteOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #store: SwitchStore | undefined;
  /** Why it could not be opened, and until when who only looks is told so without a try. */
  #out: { error: unknown; pauseMs: number; until: number } | undefined;
  #closed = false;

  constructor(engine: EngineName, sqlite: SqliteOptions, logger: Logger, clock: Clock) {
    this.#engine = engine;
    this.#sqlite = sqlite;
    this.#logger = logger;
    this.#clock = clock;
  }

  async set(name: SwitchName, value: SwitchValue, change: SwitchChange): Promise<SwitchState> {
    checkName(name);
    const { by, reason, expiresInMs } = checkChange(name, value, change);
    const store = this.#open();
    if (store === undefined) {
      throw new SpillwayError(
        'SPILLWAY_SWITCH_NOT_KEPT',
        `Switch ${name} was not set: the engine ${this.#engine} has no file to keep it in, and nothing that could take over; use the engine failover`,
        { details: { switch: name, engine: this.#engine } },
      );
    }
    const expiresAt = expiresInMs === undefined ? null : this.#clock.now() + expiresInMs;
    await store.set(name, { value, by, reason, expiresAt });
    const state = await this.get(name);
    const until = expiresAt === null ? '' : ` until ${new Date(expiresAt).toISOString()}`;
    const note = state.effective ? '' : `; the engine ${this.#engine} has nothing to switch`;
    this.#logger.info({ switch: state }, `Switch ${name} set to ${value}${until} by ${by}: ${reason}${note}`);
    return state;
  }

  /**
   * How a switch stands, for those who ask again and again: to try to open a file that is out may hold the event loop for its
   * whole `busyTimeoutMs`. Rejects as `get` does.
   */
  async watch(name: SwitchName): Promise<SwitchValue> {
    this.#refuseIfClosed();
    if (!this.#hasFile) return 'on';
    return (await this.#openToLook().inForce()).find(each => each.name === name)?.value ?? 'on';
  }

  async get(name: SwitchName): Promise<SwitchState> {
    checkName(name);
    const found = (await this.#open()?.inForce())?.find(each => each.name === name);
    const effective = this.#engine === 'failover' || (name === 'cache' && this.#engine === 'sqlite');
    if (found === undefined) return { name, value: 'on', effective };
    const { value, by, reason, at, expiresAt } = found;
    return { name, value, effective, by, reason, setAt: at, ...(expiresAt === null ? {} : { expiresAt }) };
  }

  list(): Promise<SwitchState[]> {
    return Promise.all(switchNames.map(name => this.get(name)));
  }

  /** Settings of a kind, by names of their own; undefined on an engine that has no file for other processes to see. */
  settings(kind: string): LiveSettings | undefined {
    if (!this.#hasFile || this.#sqlite.file === ':memory:') return undefined;
    const prefix = `${kind}:`;
    const ofKind = (found: readonly Switch[]) =>
      found
        .filter(({ name }) => name.startsWith(prefix))
        .map(({ name, value, setting, by, reason, expiresAt, at }) => ({
          ...{ name: name.slice(prefix.length), value: value === 'on' ? (setting ?? null) : null },
          ...{ by, reason, expiresAt, at },
        }));
    return {
      readNow: () => ofKind(this.#openToLook().inForceNow()),
      read: async () => ofKind(await this.#openToLook().inForce()),
      write: async (name, { value, ...about }) => {
        const setting = value === null ? { value: 'off' as const } : { value: 'on' as const, setting: value };
        await this.#openFile().set(prefix + name, { ...setting, ...about });
      },
    };
  }

  get #hasFile(): boolean {
    return this.#engine === 'failover' || this.#engine === 'sqlite';
  }

  #open(): SwitchStore | undefined {
    this.#refuseIfClosed();
    return this.#hasFile ? this.#openFile() : undefined;
  }

  #openFile(): SwitchStore {
    this.#refuseIfClosed();
    try {
      this.#store ??= openSwitches(this.#sqlite);
    } catch (error) {
      const pauseMs = Math.min((this.#out?.pauseMs ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS);
      this.#out = { error, pauseMs, until: this.#clock.monotonic() + pauseMs };
      throw error;
    }
    this.#out = undefined;
    return this.#store;
  }

  #openToLook(): SwitchStore {
    if (this.#out !== undefined && this.#clock.monotonic() < this.#out.until) throw this.#out.error;
    return this.#openFile();
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new SpillwayError('SPILLWAY_CLOSED', 'This Spillway is closed');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#store?.close();
  }
}

function checkName(name: unknown): void {
  if (switchNames.includes(name as SwitchName)) return;
  throw new SpillwayError(
    'SPILLWAY_UNKNOWN_SWITCH',
    `There is no switch ${JSON.stringify(String(name).slice(0, 100))}; there are: ${switchNames.join(', ')}`,
    { details: { switch: String(name).slice(0, 100), known: switchNames } },
  );
}

function checkChange(
  name: string,
  value: unknown,
  change: SwitchChange | undefined,
): { by: string; reason: string; expiresInMs: number | undefined } {
  if (value !== 'on' && value !== 'off') throw invalid(name, 'value', 'on or off', value);
  const { by, reason, expiresIn, ...rest } = change ?? ({} as Partial<SwitchChange>);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw noSuchOption(`the switch ${name}`, unknown, ['by', 'reason', 'expiresIn']);
  if (!isText(by, 200)) throw invalid(name, 'by', 'a text of 1 to 200 characters without line breaks', by);
  if (!isText(reason, 500))
    throw invalid(name, 'reason', 'a text of 1 to 500 characters without line breaks', reason);
  const expiresInMs = expiresIn === undefined ? undefined : parseDuration(expiresIn);
  const possible = expiresInMs !== undefined && expiresInMs > 0 && expiresInMs <= longestMs;
  if (expiresIn !== undefined && !possible) {
    throw invalid(name, 'expiresIn', `${durationRange}; above 0 and at most a year`, expiresIn);
  }
  return { by, reason, expiresInMs };
}

function isText(value: unknown, longest: number): value is string {
  return (
    typeof value === 'string' && value.trim() !== '' && value.length <= longest && !/\p{Cc}/u.test(value)
  );
}

function invalid(name: string, option: string, range: string, value: unknown): SpillwayError {
  const received =
    typeof value === 'string' || typeof value === 'number'
      ? JSON.stringify(value)?.slice(0, 100)
      : `a value of type ${typeof value}`;
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of the switch ${name} must be ${range}; received ${received}`,
    { details: { option, range } },
  );
}
