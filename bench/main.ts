import { mkdirSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchmarkNamed, benchmarks } from './benchmarks.ts';
import type { Args } from './harness/args.ts';
import { readArgs, usage } from './harness/args.ts';
import type { Benchmark } from './harness/benchmark.ts';
import type { Contender } from './harness/contenders.ts';
import { twinOf } from './harness/contenders.ts';
import { describeMachine } from './harness/machine.ts';
import { formatNumber, table } from './harness/report.ts';
import type { Results } from './harness/results.ts';
import { defaultResultsFile, writeResults } from './harness/results.ts';
import type { RunOptions } from './harness/run-options.ts';
import type { Run } from './harness/runner.ts';
import { runBenchmark } from './harness/runner.ts';
import { faultsOf, summarise } from './harness/summary.ts';

// Ending through exit() runs the handlers that end our servers; children end when we disconnect.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const names = benchmarks.map(benchmark => benchmark.name);
  let args: Args;
  try {
    args = readArgs(argv, names);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
  if (args.help) {
    console.log(usage);
    return 0;
  }
  if (args.list) {
    for (const { name, title } of benchmarks) console.log(`${name.padEnd(16)} ${title}`);
    return 0;
  }
  return runAll(args);
}

async function runAll(args: Args): Promise<number> {
  const startedAt = new Date();
  const directory = args.directory ?? fileURLToPath(new URL('../.data/bench', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const options: RunOptions = {
    rounds: args.rounds,
    scale: args.scale,
    seed: args.seed,
    directory,
    redisServer: args.redisServer,
  };
  const machine = describeMachine(directory, args.redisServer);
  console.log(`node ${machine.node}, sqlite ${machine.sqlite}, ${machine.redisServer}`);
  console.log(`${machine.cpus} cpus, load ${machine.load.toFixed(1)} before the first run`);
  if (machine.diskIsMemory) console.log('Warning: the stores are on a RAM disk, where fsync costs nothing.');

  const chosen = args.names.length === 0 ? benchmarks : args.names.map(benchmarkNamed);
  const found: Results['benchmarks'][number][] = [];
  for (const benchmark of chosen) {
    const contenders = args.selfCheck ? selfCheckOf(benchmark) : benchmark.contenders;
    console.log(`\n${benchmark.name}: ${benchmark.title}`);
    const runs = await runBenchmark(benchmark, contenders, options, run => console.log(`  ${line(run)}`));
    const rows = summarise(benchmark, contenders, runs);
    found.push({
      name: benchmark.name,
      title: benchmark.title,
      scale: benchmark.scales[args.scale],
      rows,
      runs,
    });
  }

  const { rounds, scale, seed } = options;
  const results: Results = {
    startedAt: startedAt.toISOString(),
    machine,
    options: { rounds, scale, seed, selfCheck: args.selfCheck },
    benchmarks: found,
  };
  const file = args.json ?? defaultResultsFile(startedAt);
  writeResults(file, results);
  return conclude(results, file, args.strict);
}

function conclude(results: Results, file: string, strict: boolean): number {
  const rows = results.benchmarks.flatMap(benchmark => benchmark.rows);
  console.log(`\n${table(rows)}`);
  const faults = results.benchmarks.flatMap(({ name, runs }) =>
    faultsOf(runs).map(fault => `${name}: ${fault}`),
  );
  if (faults.length > 0) console.log(`\nFAILED\n${faults.map(fault => `  ${fault}`).join('\n')}`);
  const missed = rows.flatMap(row => row.verdicts).filter(verdict => !verdict.met).length;
  if (missed > 0) console.log(`\n${missed} target(s) missed.`);
  console.log(`\nResults: ${relative('.', file)}`);
  return faults.length > 0 || (strict && missed > 0) ? 1 : 0;
}

function selfCheckOf(benchmark: Benchmark): Contender[] {
  const baseline = benchmark.contenders[0]!;
  return [baseline, twinOf(baseline)];
}

function line(run: Run): string {
  const figures = run.ok
    ? Object.entries(run.figures).map(([key, value]) => `${key} ${formatNumber(value)}`)
    : [`FAILED: ${run.error}`];
  return `round ${run.round + 1}  ${run.contender.padEnd(28)}  ${figures.join(', ')}`;
}
