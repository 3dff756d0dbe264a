import type { ScaleName } from './benchmark.ts';

/** What every run needs to know; all filled in. */
export interface RunOptions {
  readonly rounds: number;
  readonly scale: ScaleName;
  readonly seed: number;
  readonly directory: string;
  readonly redisServer: string;
}
