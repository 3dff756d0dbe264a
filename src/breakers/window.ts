import { CountWindow } from './window-count.ts';
import { TimeWindow } from './window-time.ts';

/** What the recent calls of a breaker came to. Recording and reading take the same time however many calls it covers. */
export interface Window {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  /** Lets go of what is too old by now. */
  advance(now: number): void;
  record(now: number, failed: boolean, slow: boolean): void;
  clear(): void;
}

/** The last so many calls, or those of the last so many milliseconds, in `buckets` steps (default 10). */
export type WindowSettings = { readonly calls: number } | { readonly ms: number; readonly buckets?: number };

export const DEFAULT_BUCKETS = 10;

export function createWindow(settings: WindowSettings): Window {
  if ('calls' in settings) return new CountWindow(settings.calls);
  return new TimeWindow(settings.ms, settings.buckets ?? DEFAULT_BUCKETS);
}
