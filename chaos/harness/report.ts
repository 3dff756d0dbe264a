import type { Facts } from './facts.ts';

export type Verdict = 'ok' | 'FAILED' | 'skipped';

/** One row of the table, and of the JSON file. */
export interface Result {
  readonly fault: string;
  readonly rows: readonly number[];
  readonly seed: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  /** Why it failed or was skipped. */
  readonly reasons: readonly string[];
  /** Figures that have no column. */
  readonly notes: readonly string[];
  /** None when it did not come to traffic. */
  readonly facts?: Facts;
}

const HEADER = [
  'fault',
  'acknowledged',
  'processed',
  'lost',
  'duplicated',
  'longest add (ms)',
  'switch (ms)',
  'first on standby (ms)',
  'return (ms)',
  'verdict',
];

/** The table at the end of the command, and below it what is to be said of single rows. Plain text. */
export function report(results: readonly Result[]): string {
  const lines = [HEADER, ...results.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...lines.map(line => line[column]!.length)));
  const aligned = lines.map(line => line.map((cell, column) => align(cell, column, widths[column]!)));
  const rule = widths.map(width => '-'.repeat(width));
  const [head, ...rows] = [aligned[0]!, rule, ...aligned.slice(1)];
  const text = [head, ...rows].map(row => row.join('  ').trimEnd()).join('\n');
  const remarks = results.flatMap(({ fault, reasons, notes }) =>
    [...reasons, ...notes].map(remark => `  ${fault}: ${remark}`),
  );
  return remarks.length === 0 ? text : `${text}\n\n${remarks.join('\n')}`;
}

function align(cell: string, column: number, width: number): string {
  const isText = column === 0 || column === HEADER.length - 1;
  return isText ? cell.padEnd(width) : cell.padStart(width);
}

function cells({ fault, facts, verdict }: Result): string[] {
  if (facts === undefined) return [fault, ...HEADER.slice(2).map(() => '-'), verdict];
  return [
    fault,
    whole(facts.acknowledged),
    whole(facts.processed),
    whole(facts.lost.length),
    whole(facts.duplicated.length),
    `${facts.hanging > 0 ? '> ' : ''}${whole(facts.longestAddMs)}`,
    whole(facts.switchMs),
    whole(facts.firstOnStandbyMs),
    whole(facts.returnMs),
    verdict,
  ];
}

function whole(value: number | undefined): string {
  return value === undefined ? '-' : Math.round(value).toLocaleString('en-GB');
}
