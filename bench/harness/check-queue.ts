import type { JobType } from 'bullmq';
import type { BenchQueue } from './engines.ts';
import type { Check } from './exactly-once.ts';
import { sameCount, sameIds } from './exactly-once.ts';

const page = 50_000;

const allStates: JobType[] = [
  'waiting',
  'prioritized',
  'delayed',
  'active',
  'completed',
  'failed',
  'waiting-children',
];

/** Every id in one state, a page at a time. */
export async function idsIn(queue: BenchQueue, state: JobType): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const found = await queue.getRanges([state], ids.length, ids.length + page - 1);
    for (const id of found) ids.push(id);
    if (found.length < page) return ids;
  }
}

/** Holds when the queue has exactly these jobs, all of them in these states. */
export async function holdsExactly(
  queue: BenchQueue,
  states: readonly JobType[],
  ids: readonly string[],
): Promise<Check[]> {
  const label = states.join(' or ');
  const found = (await Promise.all(states.map(state => idsIn(queue, state)))).flat();
  const inStates = await queue.getJobCounts(...states);
  const inAll = await queue.getJobCounts(...allStates);
  return [
    sameIds(`ids ${label}`, ids, found),
    // BullMQ's list of ids drops repeats by itself; its counts do not.
    sameCount(`count ${label}`, ids.length, total(inStates)),
    sameCount('count in all states', ids.length, total(inAll)),
  ];
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
