import type { Delivery } from './deliveries.ts';
import type { HttpConnection } from './http-connection.ts';

export interface LoadResult {
  readonly seconds: number;
  /** One for each request, in milliseconds, in no order. */
  readonly latencies: Float64Array;
  /** Ids of the deliveries answered 202. */
  readonly accepted: string[];
  /** The status of each answer other than 202. */
  readonly refused: number[];
}

/** Each connection sends its next delivery as soon as the last is answered, until none are left. */
export async function closedLoop(
  connections: readonly HttpConnection[],
  deliveries: readonly Delivery[],
): Promise<LoadResult> {
  const latencies = new Float64Array(deliveries.length);
  const accepted: string[] = [];
  const refused: number[] = [];
  let next = 0;
  const drive = async (connection: HttpConnection) => {
    while (next < deliveries.length) {
      const index = next++;
      const { id, request } = deliveries[index]!;
      const sent = performance.now();
      const status = await connection.send(request);
      latencies[index] = performance.now() - sent;
      if (status === 202) accepted.push(id);
      else refused.push(status);
    }
  };
  const start = performance.now();
  await Promise.all(connections.map(drive));
  return { seconds: (performance.now() - start) / 1000, latencies, accepted, refused };
}
