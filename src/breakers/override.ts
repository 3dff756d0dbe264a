import { durationRange, parseDuration } from '../shared/duration.ts';
import { checkMode, invalid } from './settings.ts';
import type { BreakerMode } from './types.ts';

/** Who sets a mode by hand, why, and for how long. */
export interface SetMode {
  /** 1 to 200 characters. Default: nobody says. */
  by?: string;
  /** 1 to 500 characters. Default: nobody says. */
  reason?: string;
  /** After so long the breaker goes by its options again: ms, or '30s', '10m', '2h', '7d'. Above 0, at most a year. Default: never. */
  expiresIn?: number | string;
  /**
   * Of `breakers.setMode`: true also for a breaker that this process does not have, as a web process has none of its workers'.
   * Those that have it follow, and those that will. Needs a file they share. Default false: such a name is taken for a mistake.
   */
  elsewhere?: boolean;
}

/** A mode that was set by hand, and stands before what the options say. */
export interface ModeOverride {
  readonly mode: BreakerMode;
  readonly by?: string;
  readonly reason?: string;
  /** Milliseconds since 1970. */
  readonly setAt: number;
  readonly expiresAt?: number;
  /** Whether it is kept in the file, for all processes of the machine and those that come. */
  readonly shared: boolean;
}

/** A mode as a store keeps it. */
export interface KeptMode {
  /** Of the breaker. */
  readonly name: string;
  /** null: it goes by its options. */
  readonly value: string | null;
  /** Empty when nobody says. */
  readonly by: string;
  readonly reason: string;
  /** Ms since 1970; null = it stands until it is set anew. */
  readonly expiresAt: number | null;
  /** When it was set, ms since 1970. */
  readonly at: number;
}

/**
 * Keeps modes for several processes. A Spillway's is the file of its switches. Breakers look four times a second: a store
 * that could not be opened must not be tried each time, since that may hold the event loop.
 */
export interface ModeStore {
  /** Those in force, before any turn of the event loop. */
  readNow(): readonly KeptMode[];
  read(): Promise<readonly KeptMode[]>;
  /** Durable when it resolves. */
  write(breaker: string, setting: Omit<KeptMode, 'name' | 'at'>): Promise<void>;
}

const LONGEST_MS = 365 * 86_400_000;

/** Throws SPILLWAY_INVALID_OPTION. */
export function checkOverride(
  breaker: string,
  mode: unknown,
  given: SetMode,
): { by?: string; reason?: string; expiresInMs: number | undefined } {
  if (mode !== null) checkMode(breaker, mode);
  if (typeof given !== 'object' || given === null)
    throw invalid(breaker, 'change', 'an object { by, reason, expiresIn }', given);
  const { by, reason, expiresIn, elsewhere, ...rest } = given;
  const [unknown] = Object.entries(rest);
  if (unknown !== undefined) {
    throw invalid(
      breaker,
      unknown[0],
      'absent: with a mode there are by, reason, expiresIn, elsewhere',
      unknown[1],
    );
  }
  if (elsewhere !== undefined && typeof elsewhere !== 'boolean')
    throw invalid(breaker, 'elsewhere', 'true or false', elsewhere);
  checkText(breaker, 'by', by, 200);
  checkText(breaker, 'reason', reason, 500);
  const expiresInMs = expiresIn === undefined ? undefined : parseDuration(expiresIn);
  const possible = expiresInMs !== undefined && expiresInMs > 0 && expiresInMs <= LONGEST_MS;
  if (expiresIn !== undefined && !possible) {
    throw invalid(breaker, 'expiresIn', `${durationRange}; above 0 and at most a year`, expiresIn);
  }
  return { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }), expiresInMs };
}

/** They stand in logs. */
function checkText(breaker: string, option: string, value: unknown, longest: number): void {
  if (value === undefined) return;
  const fits = typeof value === 'string' && value.length <= longest && /^\P{Cc}+$/u.test(value);
  if (!fits)
    throw invalid(breaker, option, `a text of 1 to ${longest} characters without line breaks`, value);
}
