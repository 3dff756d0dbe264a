import { PRIMARY, type StateChange } from '../engine.ts';
import { HEALED_UNNOTICED_MS } from './bounds.ts';
import type { Ledger } from './ledger.ts';

/** A change of state as a child process told it, at a time of the shared clock. */
export interface ToldChange extends StateChange {
  readonly actor: string;
  readonly at: number;
}

/** One time the fault was made. Times of the shared clock, ms. */
export interface Strike {
  readonly injectedAt: number;
  readonly healedAt: number;
}

/** How one strike went. Durations in ms, undefined when it did not come to that. */
export interface StrikeTimings {
  /** From the fault until the last process that left the primary had done so. */
  readonly switchMs: number | undefined;
  /** From the fault until a job that was added after it had been processed on the standby. */
  readonly firstOnStandbyMs: number | undefined;
  /** From the end of the fault until the last process that came back to the primary was there. */
  readonly returnMs: number | undefined;
  /** From the end of the fault until a job that was added after it had been processed. */
  readonly resumeMs: number | undefined;
  /** How often the process that left the primary most often did so. */
  readonly switches: number;
  /** Changes to the primary while the fault was on. */
  readonly earlyReturns: number;
  /** How long those adds took that began between the last switch and the end of the fault. */
  readonly addsOnStandby: readonly number[];
}

/** `until` is when the next strike begins. */
export function timingsOf(
  ledger: Ledger,
  changes: readonly ToldChange[],
  { injectedAt, healedAt }: Strike,
  until = Number.POSITIVE_INFINITY,
): StrikeTimings {
  const during = changes.filter(({ at }) => at >= injectedAt && at < until);
  const away = during.filter(({ from, to }) => from === PRIMARY && to !== PRIMARY);
  const back = during.filter(({ from, to }) => from !== undefined && to === PRIMARY);
  const late = back.filter(({ at }) => at > healedAt - HEALED_UNNOTICED_MS);

  const firstAway = new Map<string, number>();
  for (const { actor, at } of away) firstAway.set(actor, Math.min(at, firstAway.get(actor) ?? at));
  const switchedAt = latest(firstAway.values());
  const backAt = latest(late.map(({ at }) => at));
  const standbyEnds = Math.min(until, ...back.map(({ at }) => at));
  const standbyBegins = Math.min(until, ...firstAway.values());

  return {
    switchMs: since(injectedAt, switchedAt),
    firstOnStandbyMs: since(injectedAt, firstRun(ledger, injectedAt, standbyBegins, standbyEnds)),
    returnMs: since(healedAt, backAt),
    resumeMs: since(healedAt, firstRun(ledger, healedAt, healedAt, until)),
    switches: mostOfOneActor(away),
    earlyReturns: back.length - late.length,
    addsOnStandby: switchedAt === undefined ? [] : addDurations(ledger, switchedAt, healedAt),
  };
}

/** When the first job ran, between two moments, that was added at `addedFrom` or later. */
function firstRun(ledger: Ledger, addedFrom: number, from: number, to: number): number | undefined {
  let first: number | undefined;
  for (const [key, { at }] of ledger.runs) {
    const added = ledger.attempts.get(key)?.at;
    if (added === undefined || added < addedFrom) continue;
    for (const time of at) if (time >= from && time < to && time < (first ?? to)) first = time;
  }
  return first;
}

function addDurations(ledger: Ledger, from: number, to: number): number[] {
  const found: number[] = [];
  for (const { at, settledAt } of ledger.attempts.values()) {
    if (settledAt !== undefined && at >= from && at < to) found.push(settledAt - at);
  }
  return found;
}

function mostOfOneActor(changes: readonly ToldChange[]): number {
  const counts = new Map<string, number>();
  for (const { actor } of changes) counts.set(actor, (counts.get(actor) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

function latest(times: Iterable<number>): number | undefined {
  const all = [...times];
  return all.length === 0 ? undefined : Math.max(...all);
}

function since(start: number, at: number | undefined): number | undefined {
  return at === undefined ? undefined : Math.max(0, at - start);
}
