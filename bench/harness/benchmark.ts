import type { Contender } from './contenders.ts';
import type { Check } from './exactly-once.ts';
import type { LiveContender } from './live-contender.ts';

export type ScaleName = 'full' | 'quick';

/** The amounts of a run, by name. */
export type Scale = Readonly<Record<string, number>>;

/** What a benchmark is: who takes part, what is measured and how one run goes. Holds no state and does nothing on import. */
export interface Benchmark<S extends Scale = Scale> {
  /** As given on the command line. */
  readonly name: string;
  readonly title: string;
  /** The first is the baseline. */
  readonly contenders: readonly Contender[];
  readonly metrics: readonly Metric[];
  readonly scales: Readonly<Record<ScaleName, S>>;
  /** For long runs: no more rounds than this, whatever --rounds says. */
  readonly maxRounds?: number;
  /** One run, in a process of its own, on an empty store. */
  run(contender: LiveContender, scale: S): Promise<Outcome>;
}

/** One figure each run reports, and how it is judged. */
export interface Metric {
  readonly key: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** The contender its ratios are to, by name; default the first. */
  readonly baseline?: string;
  readonly targets?: readonly Target[];
}

/** `ratio` is to the baseline, `value` is in the metric's unit. At least `bound` if higher is better, else at most. */
export interface Target {
  readonly contender: string;
  readonly of: 'ratio' | 'value';
  readonly bound: number;
}

export interface Outcome {
  /** By metric key. More may be reported than is judged; all of it is written to the JSON file. */
  readonly figures: Readonly<Record<string, number>>;
  readonly checks: readonly Check[];
  /** Series worth keeping for a graph, such as memory over time. */
  readonly series?: Readonly<Record<string, readonly number[]>>;
}
