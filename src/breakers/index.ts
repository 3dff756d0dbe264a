export { Breaker, type BreakerStats } from './breaker.ts';
export { type Budget, type BudgetOptions, createBudget } from './chain/budget.ts';
export type { Chain } from './chain/chain.ts';
export { type ChatRequest, type OpenAiOptions, openAiProvider } from './chain/openai.ts';
export type {
  BudgetedCall,
  BudgetGate,
  ChainEvents,
  ChainOptions,
  ChainStats,
  Deduplication,
  Provider,
  ProviderFailed,
} from './chain/types.ts';
export { classifyError } from './classify.ts';
export { classifyResponse } from './classify-http.ts';
export type { BreakerAlert, BreakerEvents, BreakersEvents, ModeChange, Opened } from './events.ts';
export type { FetchLike, GuardFetch, GuardOptions } from './guards/fetch.ts';
export type { MongoClientLike } from './guards/mongo.ts';
export type { PoolLike } from './guards/pg.ts';
export type { OpenReason } from './machine.ts';
export type { KeptMode, ModeOverride, ModeStore, SetMode } from './override.ts';
export type { Permit } from './permit.ts';
export { presets } from './presets.ts';
export {
  BreakerRegistry,
  type Breakers,
  createBreaker,
  type MakeBreaker,
  type MakeChain,
} from './registry.ts';
export { retryAfterMs } from './retry-after.ts';
export type { Counts, RecentStats } from './stats.ts';
export type { Surroundings, Timer } from './surroundings.ts';
export {
  type BreakerMode,
  type BreakerOptions,
  type BreakerSettings,
  type BreakerState,
  breakerModes,
  type CallContext,
  type PresetName,
} from './types.ts';
export type { Classify, Verdict } from './verdict.ts';
export type { WindowSettings } from './window.ts';
