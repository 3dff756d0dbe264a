import type { JobType } from 'bullmq';
import type { BenchQueue } from './engines.ts';
import type { Check } from './exactly-once.ts';
import { sameCount, sameIds } from './exactly-once.ts';

const page = 50_000;

/** Every id in one state, a page at a time. */
export async function idsIn(queue: BenchQueue, state: JobType): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const found = await queue.getRanges([state], ids.length, ids.length + page - 1);
    for (const id of found) ids.push(id);
    if (found.length < page) return ids;
  }
}

/** Holds when the queue has exactly these jobs, all in this one state. */
export async function holdsExactly(
  queue: BenchQueue,
  state: 'waiting' | 'completed',
  ids: readonly string[],
): Promise<Check[]> {
  const counts = await queue.getJobCounts(
    'waiting',
    'active',
    'completed',
    'failed',
    'delayed',
    'prioritized',
  );
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return [
    sameIds(`ids ${state}`, ids, await idsIn(queue, state)),
    sameCount(`count ${state}`, ids.length, counts[state] ?? 0),
    sameCount('count in all states', ids.length, total),
  ];
}
