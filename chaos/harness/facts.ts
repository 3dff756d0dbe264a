import { type AckVerdict, checkAcks } from '../../test/faults/index.ts';
import type { Ledger } from './ledger.ts';
import { type Strike, type StrikeTimings, type ToldChange, timingsOf } from './timings.ts';

/** All that is known of a run when it is over. */
export interface Evidence {
  readonly ledger: Ledger;
  readonly changes: readonly ToldChange[];
  readonly strikes: readonly Strike[];
  /** When the producers were made to end, on the shared clock. */
  readonly endedAt: number;
  /** Processes that were killed before: their open calls do not hang, they are gone. */
  readonly killed: ReadonlySet<string>;
}

/** What a run amounts to. Durations in ms; those of strikes are the slowest strike's. */
export interface Facts extends Pick<AckVerdict, 'lost' | 'duplicated' | 'unexpected'> {
  readonly acknowledged: number;
  /** Calls of `add` that failed. */
  readonly rejected: number;
  /** Calls of `add` that never settled. */
  readonly hanging: number;
  /** Different jobs whose work was done. */
  readonly processed: number;
  /** Handlers that found the work done and left it (`--idempotent`). */
  readonly suppressed: number;
  /** Jobs whose result the engine took more than once. */
  readonly completedTwice: number;
  /** Jobs of which the engine has told that they ran twice, or are about to. */
  readonly counted: number;
  /** Keys of jobs that ran twice without its telling. */
  readonly uncounted: readonly string[];
  /** Finished jobs that the engine recorded as failed. */
  readonly recordedAsFailed: number;
  /** `error` events. */
  readonly errors: number;
  readonly longestAddMs: number;
  readonly p99OnStandbyMs: number | undefined;
  readonly switchMs: number | undefined;
  readonly firstOnStandbyMs: number | undefined;
  readonly returnMs: number | undefined;
  readonly resumeMs: number | undefined;
  /** Most changes away from the primary by one process in one strike. */
  readonly mostSwitches: number;
  /** Strikes in which no process left the primary. */
  readonly unnoticed: number;
  readonly earlyReturns: number;
}

export function gatherFacts({ ledger, changes, strikes, endedAt, killed }: Evidence): Facts {
  const acknowledged: string[] = [];
  let [rejected, hanging, longestAddMs] = [0, 0, 0];
  for (const [key, { actor, at, settledAt, outcome }] of ledger.attempts) {
    if (outcome === 'acknowledged') acknowledged.push(key);
    if (outcome === 'rejected') rejected += 1;
    if (settledAt === undefined && killed.has(actor)) continue;
    if (settledAt === undefined) hanging += 1;
    longestAddMs = Math.max(longestAddMs, (settledAt ?? endedAt) - at);
  }

  const works: string[] = [];
  let [suppressed, completedTwice] = [0, 0];
  for (const [key, { at, repeats, completed }] of ledger.runs) {
    // The record of the work may have outlived the log line of a killed worker: then only repeats are known.
    for (let work = 0; work < at.length || (work === 0 && repeats > 0); work++) works.push(key);
    suppressed += repeats;
    if (completed > 1) completedTwice += 1;
  }
  const attempted = [...ledger.attempts.keys()];
  const { lost, duplicated, unexpected } = checkAcks({ attempted, acknowledged }, works);

  const timings = strikes.map((strike, index) =>
    timingsOf(ledger, changes, strike, strikes[index + 1]?.injectedAt),
  );
  return {
    acknowledged: acknowledged.length,
    rejected,
    hanging,
    processed: new Set(works).size,
    lost,
    duplicated,
    unexpected,
    suppressed,
    completedTwice,
    counted: ledger.counted.size,
    uncounted: duplicated.filter(
      key => ![...(ledger.runs.get(key)?.ids ?? [])].some(id => ledger.counted.has(id)),
    ),
    recordedAsFailed: ledger.failed.length,
    errors: [...ledger.errors.values()].reduce((sum, count) => sum + count, 0),
    longestAddMs,
    p99OnStandbyMs: percentile99(timings.flatMap(({ addsOnStandby }) => addsOnStandby)),
    switchMs: slowest(timings, 'switchMs'),
    firstOnStandbyMs: slowest(timings, 'firstOnStandbyMs'),
    returnMs: slowest(timings, 'returnMs'),
    resumeMs: slowest(timings, 'resumeMs'),
    mostSwitches: Math.max(0, ...timings.map(({ switches }) => switches)),
    unnoticed: timings.filter(({ switches }) => switches === 0).length,
    earlyReturns: timings.reduce((sum, timing) => sum + timing.earlyReturns, 0),
  };
}

type Duration = 'switchMs' | 'firstOnStandbyMs' | 'returnMs' | 'resumeMs';

function slowest(timings: readonly StrikeTimings[], duration: Duration): number | undefined {
  const found = timings.flatMap(timing => timing[duration] ?? []);
  return found.length === 0 ? undefined : Math.max(...found);
}

/** By nearest rank, of all samples. */
function percentile99(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1];
}
