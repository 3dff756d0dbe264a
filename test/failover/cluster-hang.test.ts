/** A node of a cluster hangs for so long that the others give it up: longer than the cluster's node timeout. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { createSpillway, type Spillway } from '../../src/index.ts';
import { DURABLE, type RedisCluster, type RedisServer, startRedisCluster } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Runs, until } from './rig.ts';

function openOn(cluster: RedisCluster): Spillway {
  return createSpillway({
    redis: `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    sqlite: { file: join(tempDir('cluster'), 'standby.db') },
    ...{ failover: { journal: 'until-completed' }, environment: {}, logger: false, handleSignals: false },
  });
}

/** What another node says of the cluster. */
async function says(node: RedisServer, text: string): Promise<boolean> {
  const client = new Redis(node.url);
  const info = String(await client.cluster('INFO'));
  client.disconnect();
  return info.includes(text);
}

/** Adds jobs all the time; answers their names when it is ended. All of them were acknowledged, or it throws. */
function produce(spillway: Spillway): () => Promise<string[]> {
  const queue = spillway.queue('jobs');
  const added: Promise<string>[] = [];
  const timer = setInterval(() => {
    const name = `job-${added.length}`;
    added.push(queue.add(name, {}).then(() => name));
  }, 10);
  return () => {
    clearInterval(timer);
    return Promise.all(added);
  };
}

async function hang(
  cluster: RedisCluster,
  isOver: (hung: RedisServer) => Promise<unknown>,
): Promise<{ runs: Runs; told: unknown[]; status: unknown }> {
  const hung = await cluster.ownerOf('{bull}');
  const spillway = openOn(cluster);
  const told: unknown[] = [];
  for (const event of ['loss', 'trouble', 'undeliverable'] as const) {
    spillway.failover?.on(event, (what: unknown) => told.push(what));
  }
  const runs = new Runs();
  spillway.worker('jobs', async ({ name }) => runs.add(name), { concurrency: 5 });
  try {
    const stop = produce(spillway);
    const status = () => spillway.failover?.status();
    await until(() => runs.count > 20, 'jobs before', status);
    hung.pause();
    await until(() => status()?.state === 'standby', 'the standby', status);
    await isOver(hung);
    await until(() => status()?.state === 'primary', 'the return', status);
    const { length } = runs.inOrder;
    await until(() => runs.count > length + 20, 'jobs after', status);
    const names = await stop();
    await until(() => names.every(name => runs.has(name)), 'all jobs', status);
    await until(() => status()?.pending === 0, 'nothing to be left', status);
    return { runs, told, status: status() };
  } finally {
    hung.resume();
    await spillway.close();
  }
}

it('without replicas the cluster is down until the node goes on, and used again then', async () => {
  await using cluster = await startRedisCluster({ args: DURABLE });
  const { runs, told, status } = await hang(cluster, async hung => {
    const other = cluster.nodes.find(node => node !== hung) as RedisServer;
    await until(() => says(other, 'cluster_state:fail'), 'the cluster to be down');
    hung.resume();
  });
  expect(told).toEqual([]);
  expect(status).toMatchObject({ switches: 1, lost: 0 });
  expect(runs.count - runs.distinct).toBeLessThanOrEqual((status as { duplicates: number }).duplicates);
});

it('the replica that takes its place is used while the node still hangs, and when it goes on as a replica', async () => {
  await using cluster = await startRedisCluster({ replicas: true, args: DURABLE });
  const { told, status } = await hang(cluster, async hung => {
    await until(async () => (await cluster.ownerOf('{bull}')) !== hung, 'the replica to take over');
    hung.resume();
  });
  // What the old master had not passed on is added again from the journal, and told: also that it was nothing but our own key.
  expect(told.filter(it => (it as { lost?: number }).lost !== 0)).toEqual([]);
  expect(status).toMatchObject({ lost: 0 });
});
