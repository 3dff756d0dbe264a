import { SpillwayError } from '../../shared/errors.ts';

/** Why a provider was not asked: its breaker is open, its places are taken, the budget is spent, or it cannot do this. */
export type Skipped = 'open' | 'full' | 'budget' | 'unable';

/** What a round through the providers came to, by name. */
export interface Fruitless {
  readonly skipped: Readonly<Record<string, Skipped>>;
  readonly failed: Readonly<Record<string, unknown>>;
}

export function allFailed(
  chain: string,
  { skipped, failed }: Fruitless,
  retryAfterMs: number,
): SpillwayError {
  const names = Object.keys(failed);
  const cause = new AggregateError(Object.values(failed), `${names.join(', ')} failed`);
  return new SpillwayError('SPILLWAY_CHAIN_FAILED', `Chain ${chain}: ${cause.message}`, {
    cause,
    details: { chain, failed: names, skipped, ...ifKnown(retryAfterMs) },
  });
}

export function noneAsked(chain: string, { skipped }: Fruitless, retryAfterMs: number): SpillwayError {
  const again = Number.isFinite(retryAfterMs) ? `; try again in ${Math.ceil(retryAfterMs)} ms` : '';
  return new SpillwayError(
    'SPILLWAY_CHAIN_UNAVAILABLE',
    `No provider of chain ${chain} can be asked${again}`,
    {
      details: { chain, skipped, ...ifKnown(retryAfterMs) },
    },
  );
}

export function tookTooLong(provider: string, what: string, timeoutMs: number): SpillwayError {
  return new SpillwayError('SPILLWAY_BREAKER_TIMEOUT', `${provider} ${what} ${timeoutMs} ms`, {
    details: { breaker: provider, timeoutMs },
  });
}

export function incomplete(provider: string, chunks: number, cause: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_STREAM_INCOMPLETE',
    `The stream of ${provider} broke off after ${chunks} chunks`,
    { cause, details: { provider, chunks } },
  );
}

/** Why a breaker that seemed to let a call through did not. Throws what is no refusal of one call: it is shut down. */
export function whyRefused(error: unknown): Skipped {
  const { code } = error as SpillwayError;
  if (code === 'SPILLWAY_CLOSED') throw error;
  return code === 'SPILLWAY_BREAKER_FULL' ? 'full' : 'open';
}

function ifKnown(retryAfterMs: number): { retryAfterMs?: number } {
  return Number.isFinite(retryAfterMs) ? { retryAfterMs } : {};
}
