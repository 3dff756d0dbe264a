import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { clusterPrefix, type RedisTarget, redisOptionsOf } from '../../src/redis/index.ts';
import { freePort, type RedisCluster, type RedisServer, startRedisCluster } from '../servers/index.ts';
import { admin, classOf, diagnose, failure, probeOf, redisServer, watchTests } from './probing.ts';

watchTests();

const prefix = '{bull}';
let cluster: RedisCluster;
/** The node that keeps the keys with this prefix, and one that does not. */
let owner: RedisServer;
let other: RedisServer;
let target: RedisTarget;

beforeAll(async () => {
  cluster = await startRedisCluster();
  const [first, second, third] = cluster.nodes as [RedisServer, RedisServer, RedisServer];
  const client = new Redis(first.url);
  const slots = await client.cluster('SLOTS');
  const slot = Number(await client.cluster('KEYSLOT', prefix));
  client.disconnect();
  const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
  owner = cluster.nodes.find(node => node.port === port) as RedisServer;
  other = [first, second, third].find(node => node !== owner) as RedisServer;
  const hosts = [other, owner].map(node => `127.0.0.1:${node.port}`).join(',');
  target = redisOptionsOf(`redis+cluster://${hosts}`);
});
afterAll(() => cluster.stop());

describe('a cluster', () => {
  it('is asked at the node that keeps the queues', async () => {
    const probe = probeOf(target, { prefix });
    expect(await probe.ensureSentinel('s')).toBe('s');
    const result = await probe.check();
    expect(result).toMatchObject({ ok: true, sentinel: 's', mode: 'cluster', role: 'master' });
    const client = admin(owner);
    expect((await client.keys('*')).sort()).toEqual([probe.probeKey, probe.sentinelKey]);
    expect(await client.info('server')).toContain((result as { runId: string }).runId);
    expect(await probe.run(each => each.unlink(probe.sentinelKey))).toBe(1);
  });

  it('is told from a single Redis, both ways', async () => {
    const asSingle = { host: '127.0.0.1', port: owner.port };
    const moved = failure('moved', 'one node of a cluster', 'redis+cluster://');
    // The probe's own key may lie on this very node; those of the queues lie on all.
    expect(await diagnose(asSingle)).toEqual(moved);
    expect(await diagnose({ ...asSingle, port: other.port }, { prefix })).toEqual(moved);
    // One node may be all there is to it: with all keys on it, it serves.
    expect(classOf(await diagnose(asSingle, { prefix }))).toBe('ok');

    const { port } = await redisServer();
    expect(await diagnose({ cluster: [{ host: '127.0.0.1', port }] }, { prefix })).toEqual(
      failure('not-cluster', 'is no cluster', 'redis:// in place of redis+cluster://'),
    );
  });

  it('cannot be reached: the same words as for a single Redis', async () => {
    const nobody = { host: '127.0.0.1', port: await freePort() };
    expect(classOf(await diagnose({ cluster: [nobody] }, { prefix }))).toBe('refused');
    // Another one answers.
    expect(classOf(await diagnose({ cluster: [nobody, ...(target.cluster ?? [])] }, { prefix }))).toBe('ok');
    const strange = { cluster: [{ host: 'redis.invalid', port: 6379 }] };
    expect(classOf(await diagnose(strange, { prefix, deadlineMs: 20_000 }))).toBe('unknown-host');
  });

  it('wants a password', async () => {
    const client = admin(owner);
    await client.config('SET', 'requirepass', `${MARKER_SECRET}cluster`);
    const cluster = [{ host: '127.0.0.1', port: owner.port }];
    expect(classOf(await diagnose({ cluster }, { prefix }))).toBe('noauth');
    const wrong = { cluster, password: `${MARKER_SECRET}wrong` };
    expect(classOf(await diagnose(wrong, { prefix }))).toBe('wrongpass');
    await client.config('SET', 'requirepass', '');
  });

  it('does without a node that hangs, unless it is the one', async () => {
    const short = { prefix, deadlineMs: 600 };
    const probe = probeOf(target, short);
    while (!(await probe.check()).ok);
    other.pause();
    expect(classOf(await probe.check())).toBe('ok');
    // A new connection asks the nodes in any order.
    await vi.waitFor(async () => expect(classOf(await diagnose(target, short))).toBe('ok'), 10_000);
    other.resume();
    owner.pause();
    expect(classOf(await probe.check())).toBe('timeout');
    owner.resume();
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('ok'), 10_000);
  });

  it('comes back with the node that was gone', async () => {
    const probe = probeOf(target, { prefix });
    expect(classOf(await probe.check())).toBe('ok');
    await owner.kill();
    // Nobody listens there any more; later the others say themselves that its slots are lost.
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('clusterdown'), 15_000);
    expect(await probe.check()).toEqual(failure('clusterdown', 'is down as a cluster', 'CLUSTER NODES'));
    await owner.restart();
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('ok'), 15_000);
  });
});

it('a prefix lies on one node when it has a part in braces', () => {
  expect(['bull', '{bull}', 'a{b}c', 'a{}b', 'a{}{b}'].map(clusterPrefix)).toEqual([
    '{bull}',
    '{bull}',
    'a{b}c',
    '{a{}b}',
    '{a{}{b}}',
  ]);
});
