/** The middle value; the mean of the two middle ones when the count is even. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The exact percentile by nearest rank: the smallest sample that at least `percent` % of the samples do not exceed.
 * Computed from every sample, so no bucket hides a slow request. `percent` is above 0 and at most 100.
 */
export function percentile(values: ArrayLike<number>, percent: number): number {
  if (!(percent > 0 && percent <= 100)) {
    throw new RangeError(`percent must be above 0 and at most 100, got ${percent}`);
  }
  const sorted = ascending(values);
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1]!;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The least-squares line through the points. Throws when fewer than two different `x` are given. */
export function fitLine(points: readonly Point[]): { slope: number; at(x: number): number } {
  const meanX = mean(points.map(point => point.x));
  const meanY = mean(points.map(point => point.y));
  let covariance = 0;
  let variance = 0;
  for (const { x, y } of points) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  if (!(variance > 0)) throw new RangeError(`a line needs two different x, got ${points.length} point(s)`);
  const slope = covariance / variance;
  return { slope, at: x => meanY + slope * (x - meanX) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function ascending(values: ArrayLike<number>): Float64Array {
  if (values.length === 0) throw new RangeError('no values to take a statistic of');
  return Float64Array.from(values).sort();
}
