import { count } from '../queue-state.ts';
import { State } from '../schema.ts';
import type { Session } from '../session.ts';
import type { Steps } from '../store.ts';
import { dropKeys, type EndingKey, type KeyPage, type KeyPlace, lonelyKeys } from './keys.ts';
import { plantScheduler } from './plant-scheduler.ts';
import { putBack } from './put-back.ts';
import { type TakenOut, takeOut } from './take-out.ts';
import { takeSchedulers } from './take-schedulers.ts';
import type { Place, TakenUnit } from './taken.ts';

/**
 * What a queue holds, by state.
 *
 * @internal
 */
export interface StandbyCounts {
  /** Qualified name, `<prefix>:<queue>`. */
  queue: string;
  wait: number;
  active: number;
  delayed: number;
  prioritized: number;
  waitingChildren: number;
  completed: number;
  failed: number;
  schedulers: number;
}

/**
 * A look at the jobs of the file, for who keeps a companion in it.
 *
 * @internal
 */
export interface StandbyView {
  has(queue: string, id: string): boolean;
  /** The queues that hold anything, from their counters: it costs the same for ten jobs and for ten million. */
  counts(): StandbyCounts[];
  /** See keys.ts. */
  lonelyKeys(from: KeyPlace | undefined, limit: number): KeyPage;
}

/**
 * The jobs of the file, for who keeps a companion in it and takes work over from it.
 *
 * @internal
 */
export interface StandbyJobs extends StandbyView {
  /** See take-out.ts. `from`: where an earlier walk stopped; not given = the queue's beginning. `stays`: keys not to take. */
  takeOut(queue: string, limit: number, stays: ReadonlySet<string>, from?: Place): Steps<TakenOut>;
  /** See take-schedulers.ts. */
  takeSchedulers(queue: string, limit: number, stays: ReadonlySet<string>): Steps<TakenUnit[]>;
  /** See put-back.ts. */
  putBack(units: readonly TakenUnit[]): Steps<number>;
  /** See plant-scheduler.ts. */
  plantScheduler(queue: string, id: string, every: number, last: number): void;
  /** See keys.ts. */
  dropKeys(keys: readonly EndingKey[]): void;
}

export function standbyJobs(session: Session): StandbyJobs {
  return {
    has: (queue, id) => session.jobs.head(session.queue(queue).num, id) !== undefined,
    takeOut: (queue, limit, stays, from) => takeOut(session, queue, limit, stays, from),
    takeSchedulers: (queue, limit, stays) => takeSchedulers(session, queue, limit, stays),
    lonelyKeys: (from, limit) => lonelyKeys(session, from, limit),
    plantScheduler: (queue, id, every, last) => plantScheduler(session, queue, id, every, last),
    dropKeys: keys => dropKeys(session, keys),
    putBack: units => putBack(session, units),
    counts: () => session.queues.names().flatMap(name => countsOf(session, name) ?? []),
  };
}

function countsOf(session: Session, name: string): StandbyCounts | undefined {
  const queue = session.queue(name);
  const schedulers = session.queues.schedulerCount(queue.num);
  if (schedulers === 0 && queue.counts.every(jobs => jobs === 0)) return undefined;
  return {
    queue: name,
    wait: count(queue, State.wait),
    active: count(queue, State.active),
    delayed: count(queue, State.delayed),
    prioritized: count(queue, State.prioritized),
    waitingChildren: count(queue, State.waitingChildren),
    completed: count(queue, State.completed),
    failed: count(queue, State.failed),
    schedulers,
  };
}
