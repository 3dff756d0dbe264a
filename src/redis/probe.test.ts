import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { admin, afterTest, classOf, probeOf, redisServer, watchTests } from '../../test/redis/probing.ts';
import { systemClock } from '../shared/clock.ts';
import { DeadlineError, type ProbeResult } from './index.ts';

watchTests();

describe('RedisProbe', () => {
  it('writes, and says what server it is', async () => {
    const redis = await redisServer('--maxmemory', '50mb', '--appendonly', 'yes');
    const probe = probeOf({ port: redis.port });
    expect(await probe.check()).toEqual({
      ok: true,
      rttMs: expect.any(Number),
      sentinel: null,
      runId: expect.stringMatching(/^[0-9a-f]{40}$/),
      version: expect.stringMatching(/^\d+\./),
      mode: 'standalone',
      role: 'master',
      replOffset: expect.any(Number),
      usedMemory: expect.any(Number),
      maxMemory: 50 * 1024 * 1024,
      evictionPolicy: 'noeviction',
      appendOnly: true,
      savedUntil: null,
    });
    const client = admin(redis);
    expect(await client.keys('*')).toEqual(['bull:spillway:probe:test']);
    expect(await client.pttl(probe.probeKey)).toBeGreaterThan(0);
  });

  it('asks for the facts again when they are old', async () => {
    const redis = await redisServer();
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now };
    const probe = probeOf({ port: redis.port }, { factsEveryMs: 1_000, clock });
    const client = admin(redis);
    const maxMemory = async () => (await probe.check()) as { maxMemory?: number };
    expect(await maxMemory()).toMatchObject({ ok: true, rttMs: 0, maxMemory: 0 });
    await client.config('SET', 'maxmemory', '64mb');
    now = 999;
    expect(await maxMemory()).toMatchObject({ maxMemory: 0 });
    now = 1_000;
    expect(await maxMemory()).toMatchObject({ maxMemory: 64 * 1024 * 1024 });
  });

  it('keeps one sentinel key, whoever comes first', async () => {
    const redis = await redisServer();
    const [one, two] = [probeOf({ port: redis.port }), probeOf({ port: redis.port }, { id: 'two' })];
    expect(await one.ensureSentinel('first')).toBe('first');
    expect(await two.ensureSentinel('second')).toBe('first');
    expect(await two.check()).toMatchObject({ ok: true, sentinel: 'first' });
    await admin(redis).flushall();
    expect(await two.check()).toMatchObject({ ok: true, sentinel: null });
  });

  it('notices a restart behind its back: another run id, no failure', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    await probe.ensureSentinel('s');
    const before = (await probe.check()) as { runId?: string };
    await redis.kill();
    await redis.restart();
    const after = (await probe.check()) as { runId?: string };
    expect(after).toMatchObject({ ok: true, sentinel: null });
    expect(after.runId).not.toBe(before.runId);
  });

  it('says refused while nobody listens, and goes on by itself', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    await probe.check();
    await redis.kill();
    expect(classOf(await probe.check())).toBe('refused');
    expect(probe.client).toBeUndefined();
    expect(classOf(await probe.check())).toBe('refused');
    await redis.restart();
    expect(classOf(await probe.check())).toBe('ok');
  });

  it.each(['a connection that stood', 'no connection yet'])('answers on a stopped Redis: %s', async how => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port }, { deadlineMs: 300 });
    if (how === 'a connection that stood') while (!(await probe.check()).ok);
    redis.pause();
    const expected = { class: 'timeout', message: expect.stringContaining('127.0.0.1') };
    expect(await probe.check()).toMatchObject(expected);
    expect(await probe.check()).toMatchObject({
      ...expected,
      message: expect.stringContaining('says nothing'),
    });
    redis.resume();
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('ok'), 10_000);
  });

  it('answers when connections are not even accepted', async () => {
    const redis = await redisServer('--tcp-backlog', '1');
    redis.pause();
    const waiting = Array.from({ length: 8 }, () => connect(redis.port, '127.0.0.1').on('error', () => {}));
    afterTest(() => waiting.map((socket: Socket) => socket.destroy()));
    await Promise.all(waiting.slice(0, 2).map(socket => once(socket, 'connect')));
    expect(await probeOf({ port: redis.port }, { deadlineMs: 300 }).check()).toMatchObject({
      class: 'timeout',
      message: expect.stringContaining('No connection to'),
    });
  });

  it('counts an answer that came while this process was too busy to read it', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port }, { deadlineMs: 300 });
    while (!(await probe.check()).ok);
    const checked = probe.check();
    // Long enough for the question to be written, which takes no turn of the event loop.
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    const until = performance.now() + 600;
    while (performance.now() < until);
    expect(classOf(await checked)).toBe('ok');
  });

  it('tells that writes are paused, which a PING does not', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port }, { deadlineMs: 300 });
    const client = admin(redis);
    while (!(await probe.check()).ok);
    await client.call('CLIENT', 'PAUSE', '600000', 'WRITE');
    expect(await probe.run(each => each.ping())).toBe('PONG');
    expect(classOf(await probe.check())).toBe('timeout');
    await client.call('CLIENT', 'UNPAUSE');
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('ok'), 10_000);
  });

  it('tells a full Redis from a healthy one on the same connection', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    const client = admin(redis);
    const id = () => probe.run(each => each.client('ID'));
    await probe.check();
    const before = await id();
    await client.config('SET', 'maxmemory', '1');
    expect(await probe.run(each => each.ping())).toBe('PONG');
    expect(classOf(await probe.check())).toBe('oom');
    // What is there can still be removed, which is the way out.
    expect(await probe.run(each => each.unlink(probe.probeKey))).toBe(1);
    await client.config('SET', 'maxmemory', '0');
    expect(classOf(await probe.check())).toBe('ok');
    expect(await id()).toBe(before);
  });

  it('replaces a connection that was cut, without a failure', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    const client = admin(redis);
    for (let round = 0; round < 5; round++) {
      expect(classOf(await probe.check())).toBe('ok');
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    expect(classOf(await probe.check())).toBe('ok');
  });

  it('is one check for all who ask at the same time', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    const [one, two] = await Promise.all([probe.check(), probe.check()]);
    expect(one).toBe(two);
    expect(await admin(redis).get(probe.probeKey)).toBe('1');
  });

  it('refuses a replica, also one that would take the write', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    const client = admin(redis);
    await client.replicaof('127.0.0.1', 1);
    expect(classOf(await probe.check())).toBe('readonly');
    await client.config('SET', 'replica-read-only', 'no');
    expect(classOf(await probe.check())).toBe('readonly');
    await client.replicaof('NO', 'ONE');
    expect(classOf(await probe.check())).toBe('ok');
  });

  it('does not write into another database when SELECT fails', async () => {
    const redis = await redisServer('--databases', '2');
    const probe = probeOf({ port: redis.port, db: 7 });
    expect(await probe.check()).toMatchObject({ ok: false, class: 'no-database' });
    expect(await admin(redis).dbsize()).toBe(0);
  });

  it('works without the right to INFO', async () => {
    const redis = await redisServer();
    await admin(redis).acl('SETUSER', 'app', 'on', '>spillway-secret-app', '~bull:*', '+@all', '-@dangerous');
    const target = { port: redis.port, username: 'app', password: 'spillway-secret-app' };
    expect(await probeOf(target).check()).toMatchObject({
      ok: true,
      runId: null,
      maxMemory: null,
    });
  });
});

describe('run and close', () => {
  it('bounds what it is given, and repeats nothing', async () => {
    const redis = await redisServer();
    const probe = probeOf({ port: redis.port });
    expect(await probe.run(client => client.incr('n'))).toBe(1);
    const cut = probe.run(async client => {
      await client.incr('n');
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => {});
      return client.incr('n');
    });
    await expect(cut).rejects.toThrow(/closed|ECONNRESET/);
    expect(await probe.run(client => client.get('n'))).toBe('2');
    redis.pause();
    await expect(probe.run(client => client.incr('n'), 200)).rejects.toThrow(DeadlineError);
  });

  it('ends at once, whatever is under way', async () => {
    const redis = await redisServer();
    const options = { deadlineMs: 600_000 };
    const [standing, connecting] = [
      probeOf({ port: redis.port }, options),
      probeOf({ port: redis.port }, options),
    ];
    await standing.check();
    redis.pause();
    const waiting = [standing.check(), standing.run(client => client.ping()), connecting.check()];
    const seen = Promise.allSettled(waiting);
    // Beyond the TCP handshake of the second.
    await vi.waitFor(() => expect(standing.client).toBeDefined());
    standing.close();
    connecting.close();
    expect(
      (await seen).map(each => (each.status === 'fulfilled' ? classOf(each.value as ProbeResult) : 'no')),
    ).toEqual(['connection', 'no', 'connection']);
    expect(classOf(await standing.check())).toBe('connection');
    await expect(standing.run(client => client.ping())).rejects.toThrow('closed');
  });
});
