import { classifyResponse } from './classify-http.ts';
import type { BreakerOptions, PresetName } from './types.ts';

/** Timeouts by kind of operation; where calls are long or few, a window long enough to hold some. */
export const presets = {
  /** Look-ups that somebody waits for. */
  quick: { timeoutMs: 5_000 },
  /** A language model's whole answer. */
  ai: { timeoutMs: 45_000, window: { ms: 120_000 }, minimumCalls: 5 },
  /** Uploads, conversions. */
  file: { timeoutMs: 120_000, window: { ms: 600_000 }, minimumCalls: 5 },
  /** A database of one's own: it is back soon, or not at all. */
  database: { timeoutMs: 10_000, openMs: 5_000, openMaxMs: 60_000 },
  /** Somebody else's API, called with fetch or undici: a response with status 503 is a failure. */
  http: { timeoutMs: 10_000, classifyResult: classifyResponse },
} as const satisfies Record<PresetName, BreakerOptions>;
