import type { Benchmark } from './harness/benchmark.ts';
import { holdsExactly } from './harness/check-queue.ts';
import { askChild, startChild } from './harness/child-process.ts';
import { spillwayServer, webhookContenders } from './harness/contenders.ts';
import { sameCount } from './harness/exactly-once.ts';
import type { LiveContender } from './harness/live-contender.ts';
import type { LoadReply, LoadRequest } from './load/child.ts';
import type { ServerReply, ServerRequest } from './servers/child.ts';
import { webhookQueue } from './servers/webhook-server.ts';

const connections = 64;
const deadlineMs = 10 * 60_000;
const secret = 'a secret shared with the sender';

export const webhook = {
  name: 'webhook',
  title: 'signed webhook to job in the store to 202, 64 connections in a closed loop',
  contenders: webhookContenders,
  metrics: [
    {
      key: 'requests',
      unit: 'req/s',
      better: 'higher',
      targets: [{ contender: spillwayServer.name, of: 'ratio', bound: 2.5 }],
    },
    { key: 'p50', unit: 'ms', better: 'lower' },
    {
      key: 'p99',
      unit: 'ms',
      better: 'lower',
      targets: [{ contender: spillwayServer.name, of: 'ratio', bound: 1 }],
    },
  ],
  scales: { full: { requests: 60_000, warmUp: 10_000 }, quick: { requests: 10_000, warmUp: 3000 } },
  async run(contender, scale) {
    const server = await startServer(contender);
    const load = await askChild<LoadRequest, LoadReply>(
      new URL('./load/child.ts', import.meta.url),
      { ...server.reply, ...scale, secret, connections, seed: contender.seed },
      deadlineMs,
    );
    // The queue is read with the server gone: what it acknowledged must not depend on its memory.
    await server.stop();
    const { requestsPerSecond, p50, p99, max, accepted, refused } = load;
    const ids = accepted.map(delivery => `${server.reply.jobIdPrefix}${delivery}`);
    const statuses = [...new Set(refused)].join(', ') || 'none';
    return {
      figures: { requests: requestsPerSecond, p50, p99, max },
      checks: [
        sameCount(`accepted (other statuses: ${statuses})`, scale.warmUp + scale.requests, accepted.length),
        ...(contender.address.store.kind === 'none'
          ? []
          : await holdsExactly(await contender.queue(webhookQueue), ['waiting', 'prioritized'], ids)),
      ],
    };
  },
} satisfies Benchmark<{ requests: number; warmUp: number }>;

function startServer({ address, name }: LiveContender) {
  const { contender, store } = address;
  const { server } = contender;
  if (server === undefined) throw new TypeError(`${name} has no webhook server`);
  return startChild<ServerRequest, ServerReply>(
    new URL('./servers/child.ts', import.meta.url),
    { server, store, secret },
    deadlineMs,
  );
}
