import { addBulk } from './add-bulk.ts';
import { addConcurrent } from './add-concurrent.ts';
import { addSequential } from './add-sequential.ts';
import { breaker } from './breaker.ts';
import { cache } from './cache.ts';
import { cacheMemory } from './cache-memory.ts';
import { depth } from './depth.ts';
import { eventLoop } from './event-loop.ts';
import type { Benchmark } from './harness/benchmark.ts';
import { idle } from './idle.ts';
import { mainJob } from './main-job.ts';
import { memory } from './memory.ts';
import { processBenchmarks } from './process.ts';
import { webhook } from './webhook.ts';

/** Every benchmark, in the order they run. */
export const benchmarks: readonly Benchmark[] = [
  addSequential,
  addConcurrent,
  addBulk,
  ...processBenchmarks,
  webhook,
  mainJob,
  depth,
  memory,
  idle,
  eventLoop,
  breaker,
  cache,
  cacheMemory,
];

export function benchmarkNamed(name: string): Benchmark {
  const found = benchmarks.find(benchmark => benchmark.name === name);
  if (found === undefined) throw new RangeError(`no benchmark is called '${name}'`);
  return found;
}
