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
  kept: 'What is for a job or queue of Redis is kept and not refused, and answers as where there is nothing: the job ran, or was dealt with, whatever has become of it since.',
  later:
    'What was kept is carried out on return: the job finishes then, fetches no other, and its events tell of that moment.',
  time: 'The change takes its time, in which what is to last some tenths of a second may end: it differs or not by how fast the machine is.',
  undecided:
    'Seen to differ in some runs, more often while the machine is busy; what it comes from has not been found out.',
  held: 'Locks of jobs of a Redis that is away are held.',
} as const;

interface Rule {
  reason: keyof typeof reasons;
  /** The calls at which the home changes, where it matters. */
  at?: readonly string[];
  /** As `<group> > <name>`. Each has been seen to differ; none stands for others. */
  of: readonly string[];
}

const FINISHING = ['moveToCompleted', 'moveToFailed'];
const REPORTS = [...FINISHING, 'moveToDelayed', 'retryJob', 'moveJobFromActiveToWait'];

/** The same group's behaviours. */
const inGroup = (group: string, names: readonly string[]) => names.map(name => `${group} > ${name}`);

/** A table of behaviours: each first with each second. */
const each = (firsts: readonly string[], seconds: readonly string[], between: string) =>
  firsts.flatMap(first => seconds.map(second => `${first}${between}${second}`));

const BRIEF: Rule = {
  reason: 'time',
  of: inGroup('de-duplication', [
    'extend renews the ttl, without extend it runs on',
    'replacing keeps the running ttl without extend',
  ]),
};

/** What lasts some tenths of a second when Redis is away for an `add`. */
const BRIEF_BLIP: Rule = {
  reason: 'time',
  of: [
    'delay > hands out a delayed job once it is due',
    'retention > by age removes only what is older',
    'worker > renews its locks while a job takes long',
  ],
};

const RETAINED = ['1', '2', '{age: 3600, count: 1}', '{count: 2}'];
const WITH_TTL = ['ttl', 'ttl and extend', 'replace, ttl', 'replace, ttl and extend'];
const WITHOUT_TTL = [
  'simple',
  'ttl 0',
  'replace',
  'reschedule',
  'keepLastIfActive',
  'keepLastIfActive and replace',
];
const UNFINISHED = ['wait', 'delayed', 'prioritized', 'active'];

const rules: Readonly<Record<Flavour, readonly Rule[]>> = {
  return: [
    {
      reason: 'apart',
      of: [
        ...inGroup(
          'clean',
          each(['removes all', 'removes nothing'], ['active', 'completed', 'failed'], ' that is ').map(
            name => name + (name.startsWith('removes all') ? ' with grace 0' : ' within the grace'),
          ),
        ),
        ...inGroup('clean', each(['removes up to a limit of what'], ['completed', 'failed'], ' is ')),
        'flow: child fails > removeDependencyOnFailure: the failed child is retried and completes',
        'getters: combined > orders completed jobs by the time they finished, not by id or arrival',
        'getters: combined > orders failed jobs by the time they finished, not by id or arrival',
        'order: changePriority > keeps the place of the last of two lifo changes',
        ...inGroup('global concurrency', [
          'hands out no more than allowed',
          'still promotes due jobs when maxed',
        ]),
        ...inGroup('rate limit', [
          'a worker gets no more than max, then the time to wait',
          'counts jobs fetched while finishing',
          'getRateLimitTtl answers -2 without a limit, 0 below max',
          "getRateLimitTtl follows the queue's own max",
          "the queue's limit holds workers without limiter",
          "the queue's own max beats the worker's",
          "the worker's duration beats the queue's",
        ]),
        ...inGroup('retention', [
          'by age removes only what is older',
          'by age with a limit removes that many, newest of the old first',
          'of completed jobs leaves failed ones alone',
          ...each(['complete', 'fail'], RETAINED, ' with '),
          ...each(['complete', 'fail'], RETAINED.slice(2), ' with ').map(
            name => `${name} as the worker's option`,
          ),
        ]),
        ...inGroup('retry: all finished jobs', [
          'goes in slices of count',
          'sends all completed jobs back, oldest first, keeping their attempts',
          'sends all failed jobs back, oldest first, keeping their attempts',
        ]),
        'retry: automatic > promotes due delayed jobs while retrying',
        'retry: by hand > moveToWait puts a prioritized job before its equals',
        'scheduler: iterations > a stalled job of a scheduler is never failed for stalling',
        'scheduler: iterations > busy slots are refused after 32 (-11)',
      ],
    },
    {
      reason: 'next',
      of: [
        ...inGroup('fetch next', [
          'complete answers the tuple for a waiting job on a paused queue',
          'fail answers the tuple for a waiting job on a paused queue',
          'delay answers the tuple for a job that has come due',
          'delay answers the tuple for a prioritized job',
          'delay answers the tuple for a waiting job',
          'delay answers the tuple for a waiting job before a prioritized one',
          'delay answers the tuple for only a job delayed into the future',
        ]),
        'complete > works while the queue is paused',
      ],
    },
    {
      reason: 'woken',
      of: inGroup('waitForJob', [
        'answers null after its time without jobs',
        'wakes for a delayed job with its due time',
        'wakes for a promoted job of another client',
      ]),
    },
    BRIEF,
    { reason: 'anew', of: ['obliterate > removes what is waiting-children'] },
  ],
  blip: [
    {
      reason: 'blind',
      at: ['addJob', 'addJobs', 'addFlow', 'addJobScheduler'],
      of: [
        'add: ids > emits duplicated for a second add of a custom id',
        'add: ids > ignores an add of an id that completed and was kept',
        'add: refusals > refuses a parent that does not exist',
        ...inGroup('de-duplication', [
          'answers the id of the living job, keeping its data',
          'replacing emits removed and deduplicated',
          'rescheduling takes the new delay, keeping id and data',
        ]),
        ...inGroup('de-duplication: second add', [
          ...each(WITHOUT_TTL, UNFINISHED, ': while the first is '),
          ...each(WITH_TTL, [...UNFINISHED, 'completed', 'failed'], ': while the first is '),
        ]),
        'events: QueueEvents > emits deduplicated with its fields',
        'flow: add > refuses a parent that does not exist (-5)',
        ...inGroup('flow: existing jobs', [
          'a child that waits is adopted',
          'a job added under another living parent is refused (-7)',
          'the same flow twice is the same flow',
        ]),
        'scheduler: iterations > busy slots are refused after 32 (-11)',
        ...inGroup('scheduler: change', [
          'a collision with a job of the same time is refused (-10)',
          'an active job of the slot is left, the next slot taken',
          'the same schedule keeps its slot, replacing the waiting job',
        ]),
        'together > of many adds with one id exactly one is stored',
        'together > of many de-duplicated adds exactly one is stored',
      ],
    },
    {
      reason: 'kept',
      at: [...REPORTS, 'remove'],
      of: [
        ...inGroup('locks: checked by each operation', [
          ...each(
            ['complete', 'fail', 'delay', 'retry', 'back to wait'],
            [
              'another token',
              'after the lock expired',
              'a second time',
              'a job that only waits',
              'a job that was removed meanwhile',
            ],
            ': refuses ',
          ),
          ...each(['complete', 'fail', 'delay', 'retry'], ['that only waits'], ': on a job ').map(
            name => `${name}, with token 0`,
          ),
        ]),
        'flow: child fails > failParentOnFailure: the parent runs next',
        ...inGroup('flow: moveToWaitingChildren', [
          'a job cannot complete while children are pending (-4)',
          'refuses a job with a failed child (-9)',
        ]),
        'stalled > a stalled job can be taken and completed by another worker',
        'retry: by hand > moveToWait answers the rest of a rate limit',
      ],
    },
    {
      reason: 'kept',
      of: ['flow: moveToWaitingChildren > refuses another token, a lost lock, a missing job'],
    },
    {
      reason: 'kept',
      at: ['addLog'],
      of: inGroup('logs', [
        'answers how many there are',
        'can be cleared',
        'keeps as many as each call says',
        'keeps the newest up to keepLogs',
        'of a missing job are refused on writing, empty on reading',
      ]),
    },
    {
      reason: 'kept',
      at: [
        'updateData',
        'updateProgress',
        'removeJobScheduler',
        'removeDeduplicationKey',
        'deleteDeduplicationKey',
      ],
      of: [
        'progress and data > new data for a job that is missing',
        'progress and data > progress of a job that is missing',
        'scheduler: list and remove > removes the scheduler and its delayed job',
        'de-duplication > a job removes the key only while it is its own',
        'de-duplication > removing the key frees the id',
      ],
    },
    {
      reason: 'later',
      at: REPORTS,
      of: [
        'complete > stores when it finished and counts the attempt',
        'complete > with fetching emits no drained while a delayed job is left',
        'complete > works through the backend with the time it recorded',
        'complete > works while the queue is paused',
        'flow: release > fetches the parent right away within one queue',
        'retry: all finished jobs > takes only those finished up to a time',
        ...inGroup('fetch next', [
          ...each(
            ['complete', 'fail'],
            [
              'a job that has come due',
              'a prioritized job',
              'a waiting job',
              'a waiting job before a prioritized one',
              'a waiting job on a paused queue',
              'only a job delayed into the future',
            ],
            ' answers the tuple for ',
          ),
          ...each(
            ['delay'],
            ['a prioritized job', 'a waiting job', 'a waiting job before a prioritized one'],
            ' answers the tuple for ',
          ),
          'locks the fetched job with the same token',
        ]),
        'global concurrency > frees a place when a job finishes',
        'rate limit > counts jobs fetched while finishing',
      ],
    },
    BRIEF,
    BRIEF_BLIP,
    {
      reason: 'undecided',
      of: ['events: stream > reading from $ sees only what comes later', 'flow: add > across prefixes'],
    },
    {
      reason: 'held',
      at: ['extendLock', 'extendLocks'],
      of: inGroup('locks', [
        'claiming with token 0 takes no lock',
        'extendLock answers 0 after expiry',
        'extendLock answers 1 for the holder, 0 for others',
        'extendLock can shorten a lock',
        'extendLocks answers the ids it could not extend, in order',
      ]),
    },
    {
      reason: 'woken',
      of: inGroup('waitForJob', [
        'answers null after its time without jobs',
        'wakes for a delayed job with its due time',
      ]),
    },
  ],
};

/** Why a behaviour may differ when the home changes at this call; undefined when it must not. */
export function differenceOf(
  flavour: Flavour,
  key: string,
  operation: string | undefined,
): string | undefined {
  const rule = rules[flavour].find(
    ({ at, of }) => (at === undefined || at.includes(operation ?? '')) && of.includes(key),
  );
  if (rule !== undefined) return reasons[rule.reason];
  // Before the return it is on the standby.
  return flavour === 'return' ? differencesOf('standby')[key] : undefined;
}

/** Names that no behaviour has: it was renamed or removed. */
export function staleRules(): string[] {
  const keys = new Set(behaviours.map(keyOf));
  const named = Object.values(rules).flatMap(list => list.flatMap(({ of }) => of));
  return named.filter(name => !keys.has(name));
}
