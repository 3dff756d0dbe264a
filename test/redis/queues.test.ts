import { describe, expect, it } from 'vitest';
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { createSpillway, type SpillwayOptions } from '../../src/index.ts';
import { Authority, freePort, startRedisCluster, startSentinel, tlsArguments } from '../servers/index.ts';
import { admin, afterTest, redisServer, watchTests } from './probing.ts';

watchTests();

const password = `${MARKER_SECRET}queues`;

/** Adds in each way there is, works, and closes: the leak guard sees what stays open. */
async function works(redis: NonNullable<SpillwayOptions['redis']>): Promise<void> {
  const spillway = createSpillway({ redis, logger: false, handleSignals: false, environment: {} });
  afterTest(() => spillway.close());
  const queue = spillway.queue('mail');
  const events = spillway.queueEvents('mail');
  await events.waitUntilReady();
  const done: string[] = [];
  const worker = spillway.worker('mail', async job => {
    done.push(job.name);
    return `${job.name}!`;
  });
  const single = await queue.add('single', {});
  const bulk = await queue.addBulk([
    { name: 'one', data: {} },
    { name: 'two', data: {} },
  ]);
  const flow = await spillway.flow().add({
    name: 'parent',
    queueName: 'mail',
    children: [{ name: 'child', queueName: 'mail' }],
  });
  const jobs = [single, ...bulk, flow.job];
  expect(await Promise.all(jobs.map(job => job.waitUntilFinished(events)))).toEqual([
    'single!',
    'one!',
    'two!',
    'parent!',
  ]);
  expect(done.sort()).toEqual(['child', 'one', 'parent', 'single', 'two']);
  expect(worker.isRunning()).toBe(true);
  expect(await queue.getWorkers()).toBeInstanceOf(Array);
  await spillway.close();
}

describe('queues on', () => {
  it('a cluster', async () => {
    const cluster = await startRedisCluster();
    afterTest(() => cluster.stop());
    await works(`redis+cluster://${cluster.nodes.map(node => `127.0.0.1:${node.port}`).join(',')}`);
  });

  it('the master the Sentinels name', async () => {
    const master = await redisServer('--requirepass', password);
    const lines = [`sentinel auth-pass main ${password}`];
    const watcher = await startSentinel({ master, lines });
    afterTest(() => watcher.stop());
    await works(`redis+sentinel://:${password}@127.0.0.1:${watcher.port}/main/2`);
  });

  it('TLS, as an ACL user with the rights the docs give', async () => {
    const authority = new Authority();
    const port = await freePort();
    const certificate = authority.issue(['DNS:localhost']);
    const server = await redisServer(...tlsArguments(authority, certificate, port));
    const rights = ['~bull:*', '+@all', '-@dangerous', '+info', '+client|list'];
    await admin(server).acl('SETUSER', 'app', 'on', `>${password}`, ...rights);
    await works({ host: 'localhost', port, username: 'app', password, tls: { ca: authority.ca } });
  });
});

it('a producer on a cluster that is gone fails within its deadline', async () => {
  const port = await freePort();
  const redis = { cluster: [{ host: '127.0.0.1', port }], commandTimeout: 300 };
  const spillway = createSpillway({
    engine: 'redis',
    redis,
    logger: false,
    handleSignals: false,
    environment: {},
  });
  afterTest(() => spillway.close());
  await expect(spillway.queue('mail').add('a', {})).rejects.toThrow('timed out');
});
