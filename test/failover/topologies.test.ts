/** The whole engine on what Redis is in production: a cluster, the master the Sentinels name, TLS with an ACL user. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { createSpillway, type Spillway, type SpillwayOptions } from '../../src/index.ts';
import {
  Authority,
  DURABLE,
  freePort,
  type RedisServer,
  startRedis,
  startRedisCluster,
  startSentinel,
  tlsArguments,
} from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Runs, until } from './rig.ts';

const password = `${MARKER_SECRET}topology`;
/** Where the engine's Redis is, and what can be done to it. */
interface Homes {
  redis: NonNullable<SpillwayOptions['redis']>;
  /** The server that has the jobs now. */
  server(): RedisServer;
  /** Makes good a kill: starts it again, unless others take over. */
  heal(): Promise<void>;
  flush(): Promise<unknown>;
  /** Whether the server that takes over may lack the last writes of the one before, so that what was done runs again. */
  lags?: boolean;
}

/** A hang, a kill and a loss of all data, with single jobs and flows before, in and after each: all of them run, and once where Redis keeps what it said. */
async function story(homes: Homes): Promise<void> {
  const spillway = createSpillway({
    ...{ redis: homes.redis, sqlite: { file: join(tempDir('topology'), 'standby.db') } },
    ...{ failover: { journal: 'until-completed' }, environment: {}, logger: false, handleSignals: false },
  });
  const first = homes.server();
  try {
    await tell(spillway, homes);
  } finally {
    first.resume();
    await spillway.close();
  }
}

async function tell(spillway: Spillway, { server, heal, flush, lags }: Homes): Promise<void> {
  const queue = spillway.queue('jobs');
  const runs = new Runs();
  const worker = spillway.worker('jobs', async job => runs.add(job.name), { concurrency: 5 });
  let added = 0;
  const add = async (what: string) => {
    await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: `${what}-${n}`, data: {} })));
    const child = (n: number) => ({ name: `${what}-child-${n}`, queueName: 'jobs' });
    const parent = { name: `${what}-parent`, queueName: 'jobs', children: [child(1), child(2)] };
    await Promise.all([spillway.flow().add(parent), queue.add(`${what}-single`, {})]);
    added += 24;
  };
  const status = () => spillway.failover?.status();
  const allRan = () =>
    until(
      () => runs.distinct >= added,
      'all jobs',
      () => [added, runs.distinct, runs.count, status()],
    );
  const isBack = () => until(() => status()?.state === 'primary', 'the return', status);

  await add('before');
  await allRan();
  server().pause();
  await add('in-a-hang');
  await allRan();
  server().resume();
  await isBack();

  await server().kill();
  await add('in-an-outage');
  await allRan();
  await worker.pause();
  await add('to-be-given-back');
  await heal();
  await isBack();
  worker.resume();
  await allRan();

  await worker.pause();
  await add('to-be-lost');
  const recovered = status()?.recovered ?? 0;
  await flush();
  await until(() => (status()?.recovered ?? 0) >= recovered + 24, 'what was lost', status);
  worker.resume();
  await allRan();
  expect(runs.distinct).toBe(added);
  await until(() => status()?.pending === 0, 'nothing to be left', status);
  expect(status()).toMatchObject({ state: 'primary', lost: 0 });
  if (lags) return;
  expect(runs.count).toBe(added);
  expect(status()).toMatchObject({ duplicates: 0 });
}

async function flushed(server: RedisServer): Promise<void> {
  const redis = new Redis(server.url);
  await redis.flushall();
  redis.disconnect();
}

describe.concurrent('the engine on', () => {
  it('a cluster', async () => {
    // A node that hangs for some seconds is not given up by the others: that would be another story.
    await using cluster = await startRedisCluster({ args: [...DURABLE, '--cluster-node-timeout', '20000'] });
    const [first] = cluster.nodes as [RedisServer];
    const client = new Redis(first.url);
    const slot = Number(await client.cluster('KEYSLOT', '{bull}'));
    const owner = (await client.cluster('SLOTS')).find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
    client.disconnect();
    const server = cluster.nodes.find(({ port }) => port === owner) as RedisServer;
    await story({
      redis: `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      server: () => server,
      heal: () => server.restart(),
      flush: () => flushed(server),
    });
  });

  it('the master that the Sentinels name, and the replica they put in its place', async () => {
    const secured = ['--requirepass', password, '--masterauth', password];
    await using master = await startRedis({ args: secured });
    await using replica = await startRedis({
      args: [...secured, '--replicaof', '127.0.0.1', String(master.port)],
    });
    await using sentinel = await startSentinel({
      master,
      // A master that hangs for a moment is not replaced yet.
      lines: [`sentinel auth-pass main ${password}`, 'sentinel down-after-milliseconds main 4000'],
    });
    const asked = new Redis({ port: sentinel.port });
    const replicas = () => asked.call('SENTINEL', 'REPLICAS', 'main') as Promise<unknown[]>;
    await until(async () => (await replicas()).length === 1, 'the Sentinel to know the replica');
    try {
      await story({
        redis: `redis+sentinel://:${password}@127.0.0.1:${sentinel.port}/main`,
        server: () => (master.running ? master : replica),
        heal: async () => void (await asked.call('SENTINEL', 'FAILOVER', 'main').catch(() => undefined)),
        flush: () => flushed(replica),
        lags: true,
      });
    } finally {
      asked.disconnect();
    }
  });

  it('TLS, as an ACL user with the rights the docs give', async () => {
    const authority = new Authority();
    const port = await freePort();
    const tls = tlsArguments(authority, authority.issue(['DNS:localhost']), port);
    const rights = ['~bull:*', '+@all', '-@dangerous', '+info', '+client|list'];
    const user = ['--user', 'app', 'on', `>${password}`, ...rights];
    await using server = await startRedis({ args: [...DURABLE, ...tls, ...user] });
    await story({
      redis: { host: 'localhost', port, username: 'app', password, tls: { ca: authority.ca } },
      server: () => server,
      heal: () => server.restart(),
      flush: () => flushed(server),
    });
  });
});
