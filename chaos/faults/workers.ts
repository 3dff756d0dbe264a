/** A worker does not come round to renewing its locks: rows 22, 23. */
import { LOCK_MS, STALLED_CHECK_MS } from '../harness/bounds.ts';
import type { Fault } from '../harness/fault.ts';

/** Long enough for another worker to take over its jobs. */
const AWAY_MS = LOCK_MS + 2 * STALLED_CHECK_MS;

const lateWorker = {
  // Jobs that take a while: when it strikes, some are at work.
  capacity: 2,
  lastsMs: [AWAY_MS, AWAY_MS],
  expect: { completedOnce: true },
} as const;

export const workerFaults: readonly Fault[] = [
  {
    ...lateWorker,
    name: 'zombie-worker',
    title: `a worker sleeps ${AWAY_MS / 1000} s (SIGSTOP), longer than its locks, and goes on`,
    rows: [22],
    inject: ({ workers: [worker] }) => worker?.signal('SIGSTOP'),
    heal: ({ workers: [worker] }) => worker?.signal('SIGCONT'),
  },
  {
    ...lateWorker,
    name: 'blocked-event-loop',
    title: `a worker's event loop is busy for ${AWAY_MS / 1000} s, longer than its locks`,
    rows: [23],
    inject: ({ workers: [worker] }) => worker?.send({ do: 'block', forMs: AWAY_MS }),
  },
];
