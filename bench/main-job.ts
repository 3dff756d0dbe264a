import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from './harness/benchmark.ts';
import { holdsExactly } from './harness/check-queue.ts';
import { askChild, startChild } from './harness/child-process.ts';
import { mainJobServer } from './harness/contenders.ts';
import { openEngine } from './harness/engines.ts';
import { sameCount } from './harness/exactly-once.ts';
import type { LoadReply, LoadRequest } from './load/child.ts';
import type { ServerReply, ServerRequest } from './servers/child.ts';
import { webhookQueue } from './servers/webhook-server.ts';

const connections = 64;
const deadlineMs = 10 * 60_000;
const secret = 'a secret shared with the sender';
const lookMs = 20;

/** The headline of the systems this replaces: 3,000 webhooks a second, ten workers. */
const headline = 3000;

export const mainJob = {
  name: 'main-job',
  title: 'signed webhook to 202 to processed, all in one process, 64 connections in a closed loop',
  contenders: [mainJobServer],
  metrics: [
    {
      key: 'done',
      unit: 'webhooks/s',
      better: 'higher',
      targets: [{ contender: mainJobServer.name, of: 'value', bound: headline }],
    },
    { key: 'accepted', unit: 'req/s', better: 'higher' },
    { key: 'p99', unit: 'ms', better: 'lower' },
    { key: 'behind', unit: 'ms', better: 'lower' },
  ],
  scales: { full: { requests: 80_000, warmUp: 10_000 }, quick: { requests: 10_000, warmUp: 3000 } },
  async run(contender, scale) {
    const { store } = contender.address;
    if (store.kind !== 'sqlite') throw new TypeError(`${contender.name} has no file`);
    const server = await startChild<ServerRequest, ServerReply>(
      new URL('./servers/child.ts', import.meta.url),
      { server: 'main job', store, secret },
      deadlineMs,
    );
    const { port } = server.reply;
    const load = await askChild<LoadRequest, LoadReply>(
      new URL('./load/child.ts', import.meta.url),
      { ...server.reply, ...scale, secret, connections, seed: contender.seed },
      deadlineMs,
    );
    const answered = performance.now();
    while ((await left(port)) > 0) await sleep(lookMs);
    const behind = performance.now() - answered;
    await server.stop();

    const file = join(dirname(store.file), 'queue.db');
    const queue = (await openEngine({ ...store, file })).queue(webhookQueue);
    try {
      const ids = load.accepted.map(delivery => `${server.reply.jobIdPrefix}${delivery}`);
      return {
        figures: {
          // As if all had been measured from the first request to the last result.
          done: scale.requests / (scale.requests / load.requestsPerSecond + behind / 1000),
          accepted: load.requestsPerSecond,
          p99: load.p99,
          behind,
        },
        checks: [
          sameCount('accepted', scale.warmUp + scale.requests, load.accepted.length),
          ...(await holdsExactly(queue, ['completed'], ids)),
        ],
      };
    } finally {
      await queue.close();
    }
  },
} satisfies Benchmark<{ requests: number; warmUp: number }>;

/** Jobs that are not done, as the server itself says. */
async function left(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/jobs/stats`);
  const { waiting, active, delayed } = (await answer.json()) as Record<string, number>;
  return Number(waiting) + Number(active) + Number(delayed);
}
