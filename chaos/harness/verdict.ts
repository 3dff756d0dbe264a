import { DEADLINE_MS } from './bounds.ts';
import type { Facts } from './facts.ts';
import type { Expectations, Fault } from './fault.ts';

/** The circumstances in which the facts came about. */
export interface Circumstances {
  /** The engine tells its state. */
  readonly hasStates: boolean;
  readonly idempotent: boolean;
  readonly strikes: number;
  /** Jobs that can be at work at once, in all workers. */
  readonly slots: number;
  /** What a call may take beyond its deadline. */
  readonly latenessMs: number;
}

/** What was not as it must be; each a line. Empty: all promises were kept. */
export function broken(fault: Pick<Fault, 'expect'>, facts: Facts, around: Circumstances): string[] {
  const { expect = {} } = fault;
  const { lost, unexpected, hanging, longestAddMs, recordedAsFailed, rejected, completedTwice } = facts;
  const found: string[] = [];
  const must = (holds: boolean, otherwise: string) => {
    if (!holds) found.push(otherwise);
  };
  must(facts.acknowledged > 0, 'no job was acknowledged: nothing was tried');
  must(lost.length === 0, `${lost.length} acknowledged jobs were lost: ${some(lost)}`);
  must(unexpected.length === 0, `${unexpected.length} jobs came from nowhere: ${some(unexpected)}`);
  must(hanging === 0, `${hanging} calls of add never settled`);
  const inTime = longestAddMs <= DEADLINE_MS + around.latenessMs;
  must(inTime, `an add took ${Math.round(longestAddMs)} ms, over its ${DEADLINE_MS} ms`);
  must(recordedAsFailed === 0, `${recordedAsFailed} jobs that no handler failed are recorded as failed`);

  const { duplicated } = facts;
  const most = mostDuplicates(expect, facts, around);
  must(duplicated.length <= most, `${duplicated.length} jobs ran twice, ${most} may: ${some(duplicated)}`);
  if (expect.completedOnce) must(completedTwice === 0, `${completedTwice} jobs were completed twice`);

  if (!around.hasStates) return found;
  must(rejected === 0, `${rejected} adds failed, though there is a standby`);
  const { mostSwitches, unnoticed, earlyReturns } = facts;
  const allowed = expect.mostSwitches ?? 2;
  must(mostSwitches <= allowed, `a process left the primary ${mostSwitches} times, ${allowed} are allowed`);
  if (!expect.away) return found;
  must(unnoticed === 0, `${unnoticed} of ${around.strikes} times no process left the primary`);
  must(earlyReturns === 0, `a process went back to a Redis that could not be used (${earlyReturns} times)`);
  return found;
}

/** A job may run twice only if it was at work when the fault came. With a record of the work: never. */
function mostDuplicates(
  { duplicateShare, emptied }: Expectations,
  facts: Facts,
  around: Circumstances,
): number {
  if (around.idempotent) return 0;
  if (duplicateShare !== undefined) return Math.floor(facts.acknowledged * duplicateShare);
  // Of an emptied Redis those at work come back, and those that were fetched in their place meanwhile.
  return around.slots * around.strikes * (emptied ? 2 : 1);
}

function some(keys: readonly string[]): string {
  return keys.length > 3 ? `${keys.slice(0, 3).join(', ')}, ...` : keys.join(', ');
}
