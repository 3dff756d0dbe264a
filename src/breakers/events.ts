import type { OpenReason } from './machine.ts';
import type { BreakerMode } from './types.ts';

/** Why a breaker is open, and for how long, ms; `forced` until the mode is changed. */
export interface Opened {
  readonly reason: OpenReason | 'forced';
  readonly openForMs: number | undefined;
}

/** Who changed the mode, and why. */
export interface ModeChange {
  readonly mode: BreakerMode;
  readonly previous: BreakerMode;
  readonly by?: string;
  readonly reason?: string;
  /** Until then it is set, ms since 1970; absent: until it is set anew. */
  readonly expiresAt?: number;
}

/** Somebody must do something: the service refuses every call for its key, its payment or its rights. */
export interface BreakerAlert {
  readonly reason: 'credentials';
  readonly error: unknown;
}

/**
 * Opossum's events with opossum's arguments; `open` says why too, and the last five are new. Latencies are milliseconds.
 * A listener that throws does not change the outcome of a call: its error becomes a process warning.
 */
export interface BreakerEvents {
  fire: [args: unknown[]];
  /** `result` is the error where that says that the service works. */
  success: [result: unknown, latencyMs: number];
  /** After `timeout`, for one that timed out. */
  failure: [error: unknown, latencyMs: number, args: unknown[]];
  timeout: [error: unknown, latencyMs: number, args: unknown[]];
  reject: [error: unknown];
  semaphoreLocked: [error: unknown, latencyMs: number];
  fallback: [result: unknown, error: unknown];
  open: [why: Opened];
  /** How long it was open, ms. */
  halfOpen: [openMs: number];
  close: [];
  shutdown: [];
  /** `error` is the result where that is what failed. */
  retry: [error: unknown, attempt: number];
  /** The function settled after its timeout. */
  late: [latencyMs: number];
  alert: [alert: BreakerAlert];
  mode: [change: ModeChange];
  /** Settings were changed; the names of those. */
  configure: [changed: string[]];
}

/** What happens to any breaker of an application, its name first. */
export interface BreakersEvents {
  open: [breaker: string, why: Opened];
  halfOpen: [breaker: string];
  close: [breaker: string];
  alert: [breaker: string, alert: BreakerAlert];
  mode: [breaker: string, change: ModeChange];
}
