import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import type { RunOptions } from './run-options.ts';
import type { Run } from './runner.ts';
import type { Row } from './summary.ts';

/** Everything a run of the command found. */
export interface Results {
  readonly startedAt: string;
  readonly machine: Machine;
  readonly options: Omit<RunOptions, 'directory' | 'redisServer'> & { readonly selfCheck: boolean };
  readonly benchmarks: readonly {
    readonly name: string;
    readonly title: string;
    readonly scale: Readonly<Record<string, number>>;
    readonly rows: readonly Row[];
    readonly runs: readonly Run[];
  }[];
}

/** bench/results/2026-01-31T09-30-00Z.json */
export function defaultResultsFile(startedAt: Date): string {
  const stamp = startedAt
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-');
  return fileURLToPath(new URL(`../results/${stamp}.json`, import.meta.url));
}

export function writeResults(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}
