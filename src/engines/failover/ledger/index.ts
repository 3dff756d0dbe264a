export { type DeferredOperation, KEPT_ADD, type StoredOperation } from './deferred.ts';
export { entryOf, type FlowEntry, schedulerCallOf } from './entry.ts';
export type { JournalEntry, JournalRow } from './journal.ts';
export { Ledger } from './ledger.ts';
export { type Batch, nameOfUnit } from './moving.ts';
export type { Switch, SwitchSetting } from './switches.ts';
export type { LedgerCounts } from './tally.ts';
export type { JobRef, Json } from './types.ts';
export type { Outcome, UnknownJob } from './unknown.ts';
