import type { Row, Verdict } from './summary.ts';

const header = ['benchmark', 'contender', 'median', 'ratio', 'lowest-highest', 'target', 'met'];

/** The table at the end of the command, as plain text. */
export function table(rows: readonly Row[]): string {
  const lines = [header, ...rows.map(cells)];
  const widths = header.map((_, column) => Math.max(...lines.map(line => line[column]!.length)));
  const text = lines.map(line =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return [text[0], widths.map(width => '-'.repeat(width)).join('  '), ...text.slice(1)].join('\n');
}

function cells(row: Row): string[] {
  return [
    `${row.benchmark}: ${row.metric}`,
    row.contender,
    row.median === undefined ? 'none' : `${formatNumber(row.median)} ${row.unit}`,
    row.ratio === undefined ? '' : `${row.ratio.median.toFixed(2)}x`,
    row.ratio === undefined ? '' : `${row.ratio.lowest.toFixed(2)}-${row.ratio.highest.toFixed(2)}`,
    row.verdicts.map(verdict => formatTarget(verdict, row.unit)).join(', '),
    row.verdicts.map(verdict => (verdict.met ? 'yes' : 'NO')).join(', '),
  ];
}

function formatTarget({ target, better }: Verdict, unit: string): string {
  const sign = better === 'higher' ? '>=' : '<=';
  return target.of === 'ratio' ? `${sign} ${target.bound}x` : `${sign} ${target.bound} ${unit}`;
}

/** Whole numbers from 100 up, three significant digits below. */
export function formatNumber(value: number): string {
  return Math.abs(value) >= 100
    ? Math.round(value).toLocaleString('en-GB')
    : String(Number(value.toPrecision(3)));
}
