import type { QueueMetric, QueueState } from '../queue-state.ts';
import type { Session } from '../session.ts';
import { number } from '../sql/prepare.ts';

type Kind = 'completed' | 'failed';
const MINUTE = 60_000;

/** A queue's metric as stored, newest point first. */
export function readMetric(session: Session, queue: QueueState, kind: Kind): QueueMetric | undefined {
  const known = queue.metrics.get(kind);
  if (known !== undefined) return known;
  const row = session.queues.metric(queue.num, kind);
  if (row === undefined) return undefined;
  return {
    count: Number(row[0]),
    prevTs: number(row[1]),
    prevCount: number(row[2]),
    points: JSON.parse(String(row[3])) as string[],
    dirty: false,
  };
}

/** Counts a finished job, a point a minute, at most `maxPoints` of them (collectMetrics.lua). */
export function collectMetric(
  session: Session,
  queue: QueueState,
  kind: Kind,
  maxPoints: number,
  timestamp: number,
): void {
  const metric = readMetric(session, queue, kind) ?? {
    count: 0,
    prevTs: null,
    prevCount: null,
    points: [],
    dirty: true,
  };
  queue.metrics.set(kind, metric);
  metric.dirty = true;
  queue.dirty = true;
  const before = metric.count;
  metric.count += 1;
  if (metric.prevTs === null) {
    metric.prevTs = timestamp;
    metric.prevCount = 0;
    return;
  }
  const minutes = Math.floor(timestamp / MINUTE) - Math.floor(metric.prevTs / MINUTE);
  const added = Math.min(minutes, maxPoints);
  if (added <= 0) return;
  // As Redis pushes them: the delta first, then a zero for each further minute, so that zeros end up in front of it.
  metric.points.unshift(...new Array<string>(added - 1).fill('0'), String(before - (metric.prevCount ?? 0)));
  metric.points.length = Math.min(metric.points.length, maxPoints);
  metric.prevCount = before;
  metric.prevTs = timestamp;
}
