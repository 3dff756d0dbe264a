import type { Benchmark, Outcome } from './benchmark.ts';
import type { RunRequest } from './child.ts';
import { askChild } from './child-process.ts';
import type { Contender } from './contenders.ts';
import type { OpenStore } from './open-store.ts';
import { openStore } from './open-store.ts';
import type { RunOptions } from './run-options.ts';
import { roundOrder } from './schedule.ts';

/** One run of one contender, as it is written to the results. */
export type Run = { readonly contender: string; readonly round: number; readonly seed: number } & (
  | ({ readonly ok: true } & Outcome)
  | { readonly ok: false; readonly error: string }
);

const runDeadlineMs = 30 * 60_000;

/** Measures the contenders in turn, round after round, each time in a new process on an empty store. */
export async function runBenchmark(
  benchmark: Benchmark,
  contenders: readonly Contender[],
  options: RunOptions,
  onRun: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  const rounds = Math.min(options.rounds, benchmark.maxRounds ?? options.rounds);
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of roundOrder(contenders, round)) {
      const run = await runOnce(benchmark, contender, round, options);
      onRun(run);
      runs.push(run);
    }
  }
  return runs;
}

async function runOnce(
  benchmark: Benchmark,
  contender: Contender,
  round: number,
  options: RunOptions,
): Promise<Run> {
  const facts = { contender: contender.name, round, seed: options.seed + round };
  let store: OpenStore | undefined;
  try {
    store = await openStore(contender, options.directory, options.redisServer);
    const request: RunRequest = {
      benchmark: benchmark.name,
      scale: options.scale,
      contender,
      store: store.address,
      seed: facts.seed,
    };
    const entry = new URL('./child.ts', import.meta.url);
    return { ...facts, ok: true, ...(await askChild<RunRequest, Outcome>(entry, request, runDeadlineMs)) };
  } catch (error) {
    return { ...facts, ok: false, error: error instanceof Error ? error.message : String(error) };
  } finally {
    await store?.close();
  }
}
