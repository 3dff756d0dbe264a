import type { Benchmark, Metric, Target } from './benchmark.ts';
import type { Contender } from './contenders.ts';
import type { Run } from './runner.ts';
import { median } from './stats.ts';

/** One contender's figure for one metric, and how it compares. */
export interface Row {
  readonly benchmark: string;
  readonly metric: string;
  readonly unit: string;
  readonly contender: string;
  /** Over the rounds; undefined when no round gave the figure. */
  readonly median: number | undefined;
  /** To the baseline's figure of the same round; undefined for the baseline itself. */
  readonly ratio: Ratio | undefined;
  readonly verdicts: readonly Verdict[];
}

export interface Ratio {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export interface Verdict {
  readonly target: Target;
  readonly better: Metric['better'];
  readonly met: boolean;
}

/** One row a metric and contender. Ratios pair the figures of a round, so that a machine that slows down half-way does not tilt them. */
export function summarise(
  benchmark: Benchmark,
  contenders: readonly Contender[],
  runs: readonly Run[],
): Row[] {
  return benchmark.metrics.flatMap(metric => {
    const baseline = contenders.find(({ name }) => name === metric.baseline)?.name ?? contenders[0]?.name;
    return contenders.map(({ name }): Row => {
      const figures = figuresByRound(runs, name, metric.key);
      const baselineFigures = figuresByRound(runs, baseline, metric.key);
      const middle = figures.size === 0 ? undefined : median([...figures.values()]);
      const ratio = name === baseline ? undefined : pairedRatio(figures, baselineFigures);
      const targets = (metric.targets ?? []).filter(target => target.contender === name);
      return {
        benchmark: benchmark.name,
        metric: metric.key,
        unit: metric.unit,
        contender: name,
        median: middle,
        ratio,
        verdicts: targets.map(target => judge(target, metric.better, middle, ratio)),
      };
    });
  });
}

function judge(
  target: Target,
  better: Metric['better'],
  value: number | undefined,
  ratio: Ratio | undefined,
): Verdict {
  const reached = target.of === 'ratio' ? ratio?.median : value;
  const met =
    reached !== undefined && (better === 'higher' ? reached >= target.bound : reached <= target.bound);
  return { target, better, met };
}

function figuresByRound(
  runs: readonly Run[],
  contender: string | undefined,
  key: string,
): Map<number, number> {
  const figures = new Map<number, number>();
  for (const run of runs) {
    const figure = run.ok && run.contender === contender ? run.figures[key] : undefined;
    if (figure !== undefined) figures.set(run.round, figure);
  }
  return figures;
}

function pairedRatio(
  figures: ReadonlyMap<number, number>,
  baseline: ReadonlyMap<number, number>,
): Ratio | undefined {
  const ratios: number[] = [];
  for (const [round, figure] of figures) {
    const reference = baseline.get(round);
    if (reference !== undefined && reference !== 0) ratios.push(figure / reference);
  }
  if (ratios.length === 0) return undefined;
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

/** What makes the command fail whatever the speed: a crash, or a check that does not hold. */
export function faultsOf(runs: readonly Run[]): string[] {
  return runs.flatMap(run => {
    const where = `${run.contender}, round ${run.round + 1}`;
    if (!run.ok) return [`${where}: ${run.error}`];
    return run.checks.filter(check => !check.ok).map(check => `${where}: ${check.name}: ${check.detail}`);
  });
}
