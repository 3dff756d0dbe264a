import { describe, expect, it, vi } from 'vitest';
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { describeFailure, openRedis, type RedisTarget, redisOptionsOf } from '../../src/redis/index.ts';
import {
  Authority,
  freePort,
  type RedisServer,
  type SentinelOptions,
  startSentinel,
  tlsArguments,
} from '../servers/index.ts';
import { admin, afterTest, classOf, diagnose, failure, probeOf, redisServer, watchTests } from './probing.ts';

watchTests();

const password = `${MARKER_SECRET}redis`;

async function sentinel(master: RedisServer, more: Partial<SentinelOptions> = {}) {
  const server = await startSentinel({ master, ...more });
  afterTest(() => server.stop());
  return server;
}

const group = (...servers: { port: number }[]): RedisTarget =>
  redisOptionsOf(
    `redis+sentinel://:${password}@${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}/main`,
  );

const secured = ['--requirepass', password, '--masterauth', password];
const authPass = { lines: [`sentinel auth-pass main ${password}`] };

describe('Sentinels', () => {
  it('name the master, and another one after a failover', async () => {
    const master = await redisServer(...secured);
    const replica = await redisServer(...secured, '--replicaof', '127.0.0.1', String(master.port));
    const watcher = await sentinel(master, authPass);
    const probe = probeOf(group(watcher));
    const before = await probe.check();
    expect(before).toMatchObject({ ok: true, role: 'master' });

    const client = admin(replica);
    await vi.waitFor(
      async () => expect(await client.info('replication')).toContain('link_status:up'),
      10_000,
    );
    // The Sentinel must know of the replica before the master goes.
    const asked = admin({ url: `redis://127.0.0.1:${watcher.port}` });
    const replicas = () => asked.call('SENTINEL', 'REPLICAS', 'main') as Promise<unknown[]>;
    await vi.waitFor(async () => expect(await replicas()).toHaveLength(1), 15_000);
    await master.kill();
    expect((await probe.check()).ok).toBe(false);
    await vi.waitFor(async () => expect((await probe.check()).ok).toBe(true), {
      timeout: 15_000,
      interval: 50,
    });
    const after = await probe.check();
    expect(after).toMatchObject({ ok: true, role: 'master' });
    expect((after as { runId: string }).runId).not.toBe((before as { runId: string }).runId);
  });

  it('are asked all at once: one that hangs or is gone costs nothing', async () => {
    const master = await redisServer(...secured);
    const [hung, good] = [await sentinel(master, authPass), await sentinel(master, authPass)];
    hung.pause();
    const nobody = { port: await freePort() };
    expect(classOf(await diagnose(group(nobody, hung, good), { deadlineMs: 2_000 }))).toBe('ok');
    hung.resume();
  });

  it('may have a password of their own', async () => {
    const master = await redisServer(...secured);
    const own = `${MARKER_SECRET}sentinel`;
    const watcher = await sentinel(master, { lines: [...authPass.lines, `requirepass ${own}`] });
    const refused = failure('sentinel', 'refuse the login', 'sentinelPassword');
    expect(await diagnose(group(watcher))).toEqual(refused);
    expect(await diagnose({ ...group(watcher), sentinelPassword: password })).toEqual(refused);
    expect(classOf(await diagnose({ ...group(watcher), sentinelPassword: own }))).toBe('ok');
    // The password of Redis itself is another matter.
    const wrong = { ...group(watcher), sentinelPassword: own, password: `${MARKER_SECRET}wrong` };
    expect(classOf(await diagnose(wrong))).toBe('wrongpass');
  });

  it('speak TLS, as the Redis they watch', async () => {
    const authority = new Authority();
    const certificate = authority.issue(['IP:127.0.0.1', 'DNS:localhost']);
    const [redisPort, sentinelPort] = [await freePort(), await freePort()];
    const master = await redisServer(...tlsArguments(authority, certificate, redisPort));
    const files = tlsArguments(authority, certificate, sentinelPort).join(' ').split(' --');
    await sentinel(
      { ...master, port: redisPort } as RedisServer,
      // Its settings in a file have no dashes, and it reaches the master by TLS too.
      { lines: [...files.map(line => line.replace(/^--/, '')), 'tls-replication yes'] },
    );
    const url = redisOptionsOf(`rediss+sentinel://127.0.0.1:${sentinelPort}/main`);
    const trusting = { ...url, tls: { ca: authority.ca }, sentinelTLS: { ca: authority.ca } };
    expect(await diagnose(trusting)).toMatchObject({ ok: true, role: 'master' });
    expect(classOf(await diagnose(url))).toBe('sentinel');
  });

  it('know no such master, or do not answer', async () => {
    const master = await redisServer();
    const watcher = await sentinel(master);
    expect(await diagnose({ ...group(watcher), name: 'mymaster' })).toEqual(
      failure('sentinel', 'know no master of this name', 'SENTINEL MASTERS'),
    );
    const silent = failure('sentinel', 'None of the Sentinels', '26379');
    expect(await diagnose(group({ port: await freePort() }, { port: await freePort() }))).toEqual(silent);
    watcher.pause();
    expect(await diagnose(group(watcher), { deadlineMs: 300 })).toEqual(silent);
    watcher.resume();
  });

  it('are not a Redis, and a Redis is no Sentinel', async () => {
    const master = await redisServer();
    const watcher = await sentinel(master);
    expect(await diagnose({ host: '127.0.0.1', port: watcher.port })).toEqual(
      failure('sentinel', 'is a Sentinel, not a Redis', 'redis+sentinel://'),
    );
    expect(await diagnose(group(master))).toEqual(
      failure('sentinel', 'are no Sentinels, but a Redis', 'redis://'),
    );
  });

  it('half-configured: what ioredis throws is put into words', () => {
    const told = (target: RedisTarget) => {
      try {
        openRedis({ ...target, lazyConnect: true }).disconnect();
      } catch (error) {
        return describeFailure(error, target);
      }
      throw new Error('it was taken');
    };
    expect(told({ sentinels: [{ host: 'one' }] })).toEqual({
      ...failure('sentinel', 'without the name', 'redis+sentinel://host:26379/<name>'),
      ok: undefined,
    });
    expect(told({ sentinels: [], name: 'main' })).toMatchObject({ class: 'sentinel' });
  });
});
