import type { BreakerOptions, CallContext } from '../types.ts';

/** One way to get an answer. */
export interface Provider<A extends unknown[], R, C> {
  /** Also the name of its breaker, which all chains share that name it alike. */
  readonly name: string;
  /** The whole answer, for `chain.fire`. Hand the signal on: it is aborted when the call takes too long. */
  call?(context: CallContext, ...args: A): R | PromiseLike<R>;
  /** The answer in chunks, for `chain.stream`. Its signal is also aborted when the consumer stops reading. */
  stream?(context: CallContext, ...args: A): AsyncIterable<C> | PromiseLike<AsyncIterable<C>>;
  /** Options of its breaker; the preset is `ai` unless told. */
  readonly breaker?: Omit<BreakerOptions, 'withContext' | 'fallback' | 'classifyResult'>;
}

/** A call that is about to cost something. */
export interface BudgetedCall<A extends unknown[]> {
  readonly chain: string;
  readonly provider: string;
  readonly args: A;
}

/** Says whether a provider may be asked; told what it answered. `createBudget` makes one, for this process. */
export interface BudgetGate<A extends unknown[], Output> {
  /**
   * Only `true` lets it through. The call waits for the answer, and fails with the error it rejects with: a gate that asks
   * elsewhere bounds its own wait.
   */
  allow(call: BudgetedCall<A>): boolean | PromiseLike<boolean>;
  /** An answer has come; of a stream, each chunk. Nobody waits for it; what it throws becomes a process warning. */
  spent(call: BudgetedCall<A>, output: Output): void;
}

/** Equal questions share one answer. A cache fits: `share: (key, load) => cache.getOrSet(key, load)`. */
export interface Deduplication<A extends unknown[], R> {
  /** What makes two questions equal; undefined: this one is asked in any case. */
  key(...args: A): string | undefined;
  share(key: string, load: () => Promise<R>): Promise<R>;
}

export interface ChainOptions<A extends unknown[], R, C> {
  /**
   * When no provider can be asked because all are open: `fail` at once (SPILLWAY_CHAIN_UNAVAILABLE, with `retryAfterMs`), `wait`
   * for the first to be worth asking, or `bypass`: ask the first that nobody has forced open all the same. Default `fail`.
   */
  whenAllOpen?: 'fail' | 'wait' | 'bypass';
  /** How long `wait` waits in all, ms, above 0. Default 30000. */
  waitMs?: number;
  /** How long a stream may take to its first chunk, ms, above 0. Default 15000. */
  firstChunkMs?: number;
  /** How long it may pause between two, ms, above 0. Default 15000. */
  betweenChunksMs?: number;
  budget?: BudgetGate<A, R | C>;
  /** For `fire` only: a stream is read once. */
  dedupe?: Deduplication<A, R>;
  /**
   * Whether the next provider is asked after this error. Default: unless it says that the request is at fault, which every
   * provider would say. Set it where one provider takes what another refuses (a longer context, another content filter).
   */
  tryNext?(error: unknown): boolean;
}

/** What became of a chain's calls since it was made. */
export interface ChainStats {
  fires: number;
  /** Answers and whole streams, by provider. */
  served: Record<string, number>;
  /** Times a provider failed and the next one was asked. */
  failovers: number;
  /** Calls for which all that could be asked failed. */
  failed: number;
  /** Calls for which none could be asked. */
  unavailable: number;
  /** Streams that broke off in the middle. */
  incomplete: number;
}

/** A provider failed; the next one is asked, if there is one. */
export interface ProviderFailed {
  readonly provider: string;
  readonly error: unknown;
}

export interface ChainEvents {
  failed: [failed: ProviderFailed];
  unavailable: [error: unknown];
}
