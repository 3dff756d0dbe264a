import { behaviours, keyOf } from '../../src/engines/conformance/index.ts';
import { differencesOf } from './failover-differences.ts';
import type { Flavour } from './switching.ts';

/** Why the failover engine may answer otherwise than Redis when the home changes in the middle. docs/engine-failover.md has them too. */
const reasons = {
  apart:
    'Jobs of both homes are ordered, limited, cleaned and kept after their end in each home apart: what finished on the standby stays there.',
  next: 'While the standby has work, the next job is asked for apart from the report.',
  woken: 'A wait ends when the home changes, and the new home tells of its delayed jobs again.',
  anew: 'Jobs that are given back make their queue anew in Redis, with its settings.',
  blind:
    'An add during the outage does not see what Redis has of its id, its de-duplication or its scheduler: the standby takes it, and on return what was there stays.',
  kept: 'What is for a job of Redis is kept and not refused: the job ran, or was dealt with, whatever has become of it since.',
  later:
    'What was kept is carried out on return: the job finishes then, fetches no other, and its events tell of that moment.',
  time: 'The change takes its time, in which what is to last some tenths of a second may end.',
  held: 'Locks of jobs of a Redis that is away are held.',
} as const;

interface Rule {
  reason: keyof typeof reasons;
  /** The call at which the home changes, where it matters. */
  at?: readonly string[];
  /** As `<group> > <name>`; the name may end in `*`. */
  of: readonly string[];
}

const FINISHING = ['moveToCompleted', 'moveToFailed'];
const REPORTS = [...FINISHING, 'moveToDelayed', 'retryJob', 'moveJobFromActiveToWait'];

const BRIEF: Rule = {
  reason: 'time',
  of: [
    'de-duplication > extend renews the ttl, without extend it runs on',
    'de-duplication > replacing keeps the running ttl without extend',
  ],
};

const rules: Readonly<Record<Flavour, readonly Rule[]>> = {
  return: [
    {
      reason: 'apart',
      of: [
        'clean > *',
        'flow: child fails > removeDependencyOnFailure: the failed child is retried and completes',
        'getters: combined > orders completed jobs by the time they finished, not by id or arrival',
        'getters: combined > orders failed jobs by the time they finished, not by id or arrival',
        'order: changePriority > keeps the place of the last of two lifo changes',
        'global concurrency > *',
        'rate limit > *',
        'retention > by age removes only what is older',
        'retention > by age with a limit removes that many, newest of the old first',
        'retention > complete with 1',
        'retention > complete with 2',
        'retention > complete with {age: 3600, count: 1}',
        "retention > complete with {age: 3600, count: 1} as the worker's option",
        'retention > complete with {count: 2}',
        "retention > complete with {count: 2} as the worker's option",
        'retention > fail with 1',
        'retention > fail with 2',
        'retention > fail with {age: 3600, count: 1}',
        "retention > fail with {age: 3600, count: 1} as the worker's option",
        'retention > fail with {count: 2}',
        "retention > fail with {count: 2} as the worker's option",
        'retention > of completed jobs leaves failed ones alone',
        'retry: all finished jobs > *',
        'retry: automatic > promotes due delayed jobs while retrying',
        'retry: by hand > moveToWait puts a prioritized job before its equals',
        'scheduler: iterations > a stalled job of a scheduler is never failed for stalling',
        'scheduler: iterations > busy slots are refused after 32 (-11)',
      ],
    },
    { reason: 'next', of: ['fetch next > *', 'complete > works while the queue is paused'] },
    { reason: 'woken', of: ['waitForJob > *'] },
    BRIEF,
    { reason: 'anew', of: ['obliterate > removes what is waiting-children'] },
  ],
  blip: [
    {
      reason: 'blind',
      at: ['addJob', 'addJobs', 'addFlow', 'addJobScheduler'],
      of: [
        'add: ids > *',
        'add: refusals > refuses a parent that does not exist',
        'de-duplication > *',
        'de-duplication: second add > *',
        'events: QueueEvents > emits d*',
        'scheduler: change > *',
        'together > of many *',
      ],
    },
    {
      reason: 'kept',
      at: [...REPORTS, 'remove'],
      of: [
        'locks: checked by each operation > *',
        'flow: child fails > failParentOnFailure: the parent runs next',
      ],
    },
    {
      reason: 'kept',
      of: [
        'logs > *',
        'progress and data > *',
        'retry: by hand > moveToWait answers the rest of a rate limit',
        'scheduler: list and remove > removes the scheduler and its delayed job',
      ],
    },
    {
      reason: 'later',
      at: [...REPORTS],
      of: [
        'complete > stores when it finished and counts the attempt',
        'complete > with fetching emits no drained while a delayed job is left',
        'complete > works through the backend with the time it recorded',
        'fetch next > *',
        'global concurrency > frees a place when a job finishes',
      ],
    },
    BRIEF,
    { reason: 'held', at: ['extendLock', 'extendLocks'], of: ['locks > *'] },
    { reason: 'woken', of: ['waitForJob > *'] },
  ],
};

/** Why a behaviour may differ when the home changes at this call; undefined when it must not. */
export function differenceOf(
  flavour: Flavour,
  key: string,
  operation: string | undefined,
): string | undefined {
  const rule = rules[flavour].find(
    ({ at, of }) =>
      (at === undefined || at.includes(operation ?? '')) && of.some(pattern => matches(pattern, key)),
  );
  if (rule !== undefined) return reasons[rule.reason];
  // Before the return it is on the standby.
  return flavour === 'return' ? differencesOf('standby')[key] : undefined;
}

function matches(pattern: string, key: string): boolean {
  return pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern;
}

/** Patterns that fit no behaviour: they were renamed or removed. */
export function staleRules(): string[] {
  const keys = behaviours.map(keyOf);
  const patterns = Object.values(rules).flatMap(list => list.flatMap(({ of }) => of));
  return patterns.filter(pattern => !keys.some(key => matches(pattern, key)));
}
