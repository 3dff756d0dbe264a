import { serveParent } from '../harness/serve-parent.ts';
import { percentile } from '../harness/stats.ts';
import { closedLoop } from './closed-loop.ts';
import { makeDeliveries } from './deliveries.ts';
import { HttpConnection } from './http-connection.ts';

/** The load generator, in a process of its own. */
export interface LoadRequest {
  readonly port: number;
  readonly path: string;
  readonly secret: string;
  readonly seed: number;
  readonly connections: number;
  readonly requests: number;
  /** Requests before the measured ones; their ids are among the accepted. */
  readonly warmUp: number;
}

export interface LoadReply {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly accepted: readonly string[];
  /** The status of each answer other than 202. */
  readonly refused: readonly number[];
}

serveParent<LoadRequest, LoadReply>(async request => {
  const deliveries = makeDeliveries({ ...request, count: request.warmUp + request.requests });
  const opening = Array.from({ length: request.connections }, () => HttpConnection.open(request.port));
  const connections = await Promise.all(opening);
  const warmUp = await closedLoop(connections, deliveries.slice(0, request.warmUp));
  globalThis.gc?.();
  const measured = await closedLoop(connections, deliveries.slice(request.warmUp));
  for (const connection of connections) connection.close();
  const { latencies } = measured;
  return {
    reply: {
      requestsPerSecond: request.requests / measured.seconds,
      p50: percentile(latencies, 50),
      p99: percentile(latencies, 99),
      max: percentile(latencies, 100),
      accepted: [...warmUp.accepted, ...measured.accepted],
      refused: [...warmUp.refused, ...measured.refused],
    },
  };
});
