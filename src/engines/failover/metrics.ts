/** What BullMQ's getMetrics answers: [count, time of the newest point, count at that time], the points, their number. */
export type Metrics = [meta: string[], points: string[], number: number];

const MINUTE_MS = 60_000;

/** Metrics of two homes as one: points are a minute each, the newest first. */
export function addMetrics(one: Metrics, other: Metrics): Metrics {
  const [newer, older] = timeOf(one) >= timeOf(other) ? [one, other] : [other, one];
  if (timeOf(older) === 0) return [sums(newer, older), newer[1], newer[2]];
  const late = Math.floor(timeOf(newer) / MINUTE_MS) - Math.floor(timeOf(older) / MINUTE_MS);
  const points: string[] = [];
  for (let at = 0; at < Math.max(newer[1].length, older[1].length + late); at++) {
    points.push(String(Number(newer[1][at] ?? 0) + Number(older[1][at - late] ?? 0)));
  }
  return [sums(newer, older), points, points.length];
}

function timeOf([[, time]]: Metrics): number {
  return Number(time ?? 0);
}

function sums([[count, time, countThen]]: Metrics, [[otherCount, , otherThen]]: Metrics): string[] {
  const add = (a: string | undefined, b: string | undefined) => String(Number(a ?? 0) + Number(b ?? 0));
  return [add(count, otherCount), time ?? '', add(countThen, otherThen)];
}
