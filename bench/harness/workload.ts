import type { BenchQueue } from './engines.ts';
import type { LiveContender } from './live-contender.ts';

/** `from` is the first job's `seq`; ids come back in the order of `seq`. */
export interface Batch {
  readonly count: number;
  readonly from?: number;
}

export async function addSequentially(
  contender: LiveContender,
  queue: BenchQueue,
  { count, from = 0 }: Batch,
): Promise<string[]> {
  const ids: string[] = [];
  for (let seq = from; seq < from + count; seq += 1) {
    const job = await queue.add('message', contender.data(seq));
    ids.push(job.id!);
  }
  return ids;
}

/** `adders` loops share the work, each with one `add` under way at a time. */
export async function addConcurrently(
  contender: LiveContender,
  queue: BenchQueue,
  { count, from = 0 }: Batch,
  adders: number,
): Promise<string[]> {
  const ids = new Array<string>(count);
  let next = 0;
  const adder = async () => {
    while (next < count) {
      const index = next++;
      const job = await queue.add('message', contender.data(from + index));
      ids[index] = job.id!;
    }
  };
  await Promise.all(Array.from({ length: adders }, adder));
  return ids;
}

/** One `addBulk` after the other, of `size` jobs each. */
export async function addInBulk(
  contender: LiveContender,
  queue: BenchQueue,
  { count, from = 0 }: Batch,
  size = 1000,
): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const length = Math.min(size, count - ids.length);
    const first = from + ids.length;
    const jobs = Array.from({ length }, (_, index) => ({
      name: 'message',
      data: contender.data(first + index),
    }));
    for (const job of await queue.addBulk(jobs)) ids.push(job.id!);
  }
  return ids;
}
