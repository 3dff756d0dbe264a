const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What `parseDuration` takes, in words. */
export const durationRange = "milliseconds, or a whole number with a unit: '500ms', '30s', '10m', '2h', '7d'";

/** Milliseconds of a duration, or undefined when it is none. Not negative, not infinite. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  const [, count, unit = ''] = (typeof value === 'string' && /^(\d{1,9})(ms|s|m|h|d)$/.exec(value)) || [];
  return count === undefined ? undefined : Number(count) * (units[unit] ?? Number.NaN);
}
