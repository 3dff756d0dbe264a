import type { Verdict } from './verdict.ts';
import type { WindowSettings } from './window.ts';

/**
 * - `automatic`: closed, open and half-open by itself.
 * - `forced-open`: refuses every call.
 * - `disabled`: calls the function, and does nothing else but count `fires`.
 * - `metrics-only`: counts, judges and says what it would have done, but refuses, cuts, retries and replaces nothing.
 */
export type BreakerMode = 'automatic' | 'forced-open' | 'disabled' | 'metrics-only';
export const breakerModes = ['automatic', 'forced-open', 'disabled', 'metrics-only'] as const;

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/** Any function; what it takes and gives is known where it is made a breaker of. */
export type Action = (...args: never[]) => unknown;

/** What a function made `withContext` is given before its arguments. */
export interface CallContext {
  /** Aborted when this call times out, and no other; its reason is the error that `fire` rejects with. */
  readonly signal: AbortSignal;
  /** From 1; above 1 for a retry. */
  readonly attempt: number;
}

/** What can be changed while the breaker works. Milliseconds are above 0 and at most 2147483647. */
export interface BreakerSettings {
  /** How long one attempt may take, ms; `false`: for ever. Default 10000. */
  timeoutMs?: number | false;
  /** What is judged: the last `calls` (1 to 1000000), or those of the last `ms`. Default the last 10 s. */
  window?: WindowSettings;
  /** Below so many calls in the window it never opens, 1 to 1000000. Default 10, or all of a shorter window. */
  minimumCalls?: number;
  /** Opens when at least this share of the window failed, above 0 to 100. Default 50. */
  failurePercent?: number;
  /** A call that takes at least so long is slow, ms; `false`: none is. Default false. */
  slowMs?: number | false;
  /** Opens when at least this share of the window was slow, above 0 to 100. Default 100. */
  slowPercent?: number;
  /** How long it stays open before it probes, ms. Default 30000. */
  openMs?: number;
  /** Each further opening without a closing between lasts so many times as long, 1 to 100. Default 2. */
  openFactor?: number;
  /** But no longer than this, ms; at least `openMs`. Default 300000, or `openMs` if that is more. */
  openMaxMs?: number;
  /** The share of the open time left to chance, 0 to 1. Default 0.1: plus or minus 10 %. */
  openJitter?: number;
  /** Half-open, so many calls are let through, and judged by the same percents, 1 to 1000. Default 1. */
  probes?: number;
  /** A probe that has no outcome by then counts as failed, ms; it goes on. Default 30000. */
  probeWaitMs?: number;
  /** Calls at once, 1 or more. Default Infinity. */
  concurrency?: number;
  /** Calls that may wait for a place, 0 to 1000000. Default 0: they are refused. */
  queueSize?: number;
  /** How long one may wait for a place, ms. Default 10000. */
  queueWaitMs?: number;
  /** Tries of one `fire`, the first included, 1 to 100. Only failures are tried again. Default 1. */
  attempts?: number;
  /** The wait before the second attempt, ms. Default 200. */
  retryMs?: number;
  /** Each further wait is so many times as long, 1 to 100. Default 2. */
  retryFactor?: number;
  /** But no longer than this, ms; at least `retryMs`. Default 5000, or `retryMs` if that is more. */
  retryMaxMs?: number;
  /** The share of a wait left to chance, 0 to 1. Default 0.5. */
  retryJitter?: number;
  /** A service that asks for a longer pause than this (Retry-After) gets only this, ms. Default 3600000. */
  maxCoolDownMs?: number;
}

/** What kind of operation it is. */
export type PresetName = 'quick' | 'ai' | 'file' | 'database' | 'http';

export interface BreakerOptions<A extends unknown[] = unknown[], R = unknown> extends BreakerSettings {
  /** Defaults for a kind of operation; what is given beside it goes before. */
  preset?: PresetName;
  /** Default `automatic`. */
  mode?: BreakerMode;
  /** Gives the function a `CallContext` before its arguments. Default false. */
  withContext?: boolean;
  /** What an error says about the service. Default `classifyError`. */
  classify?(error: unknown): Verdict;
  /** What a result says about it, for services that answer failures with a result. Default: `success`. */
  classifyResult?(result: Awaited<R>): Verdict;
  /**
   * Its result takes the place of a failed, timed out or refused call's; it is given the arguments, then the error. Errors
   * about the request (`success`) or the caller (`ignore`) are not replaced.
   */
  fallback?(...args: [...A, unknown]): Awaited<R> | PromiseLike<Awaited<R>>;
}
