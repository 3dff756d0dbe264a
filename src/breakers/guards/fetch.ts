import type { Breaker } from '../breaker.ts';
import type { MakeBreaker } from '../registry.ts';
import { checkName, invalid } from '../settings.ts';
import type { BreakerOptions, CallContext } from '../types.ts';

/** Any function called like fetch: the address, then options with a `signal`. undici's `fetch` and `request` are. */
export type FetchLike = (input: never, init?: never) => Promise<unknown>;

export type GuardOptions = Omit<BreakerOptions, 'withContext' | 'fallback' | 'classifyResult'>;

export interface GuardFetch {
  /**
   * `fetch` behind a breaker with the preset `http`: a response with a failing status counts as a failure, and is returned as it
   * is, its body unread. The timeout is that of the response's head; a body may take its time.
   *
   * Throws as `spillway.breaker` does.
   */
  (name: string, options?: GuardOptions): typeof globalThis.fetch;
  /** The same with another function, such as undici's `fetch` or `request`. */
  <F extends FetchLike>(name: string, options: GuardOptions, fetch: F): F;
}

interface Signalled {
  readonly signal?: AbortSignal | null;
}

type Call = (input: unknown, init?: Signalled) => Promise<unknown>;
const callers = new WeakMap<FetchLike, (context: CallContext, input: unknown, init?: Signalled) => unknown>();

/** @param make makes the breaker. */
export function guardFetch(
  make: MakeBreaker,
  name: string,
  options: GuardOptions = {},
  fetch: FetchLike = globalThis.fetch,
): Call {
  checkName('breaker', name);
  if (typeof fetch !== 'function') throw invalid(name, 'fetch', 'a function called like fetch', fetch);
  const breaker: Breaker<[unknown, Signalled?], unknown> = make(name, callerOf(fetch), {
    preset: 'http',
    ...options,
    withContext: true,
  });
  return (input, init) => breaker.fire(input, init);
}

/** One function for each `fetch`, so that guarding it again under the same name gives the same breaker. */
function callerOf(fetch: FetchLike): (context: CallContext, input: unknown, init?: Signalled) => unknown {
  const known = callers.get(fetch);
  if (known !== undefined) return known;
  const call = fetch as unknown as Call;
  const caller = ({ signal }: CallContext, input: unknown, init?: Signalled) => {
    // Given in `init`, a signal takes the place of that of a Request: the caller's must go on to count.
    const given = init?.signal ?? (input as Signalled | undefined)?.signal;
    return call(input, { ...init, signal: given ? AbortSignal.any([signal, given]) : signal });
  };
  callers.set(fetch, caller);
  return caller;
}
