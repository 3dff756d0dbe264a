import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, redisForTests, startRedis } from './index.ts';
import { onFreePort, ServerStartError } from './process.ts';

const clients: Redis[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

function clientOf(url: string): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

describe('startRedis', () => {
  it('answers on its own port and ends without leaving its folder', async () => {
    const server = await startRedis();
    expect(await clientOf(server.url).ping()).toBe('PONG');
    expect(server.log()).toContain('Ready to accept connections');
    expect(server.running).toBe(true);
    await server.stop();
    expect(server.running).toBe(false);
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
    expect(existsSync(server.dir)).toBe(false);
  });

  it('runs several at once, each its own', async () => {
    await using one = await startRedis();
    await using two = await startRedis();
    await clientOf(one.url).set('who', 'one');
    expect(await clientOf(two.url).get('who')).toBe(null);
    expect(one.pid).not.toBe(two.pid);
  });

  it('takes arguments: a password becomes part of the url', async () => {
    await using server = await startRedis({ args: ['--requirepass', 'spillway-secret-a/b'] });
    expect(await clientOf(server.url).ping()).toBe('PONG');
    await expect(clientOf(`redis://127.0.0.1:${server.port}`).ping()).rejects.toThrow('NOAUTH');
  });

  it('is killed and comes back on the same port, empty without persistence', async () => {
    await using server = await startRedis();
    const { pid } = server;
    await clientOf(server.url).set('key', 'value');
    await server.kill();
    await expect(clientOf(server.url).ping()).rejects.toThrow();
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(await clientOf(server.url).get('key')).toBe(null);
  });

  it('keeps its data over a kill when told to', async () => {
    await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await clientOf(server.url).set('key', 'value');
    await server.kill();
    await server.restart();
    expect(await clientOf(server.url).get('key')).toBe('value');
  });

  it('hangs while paused and answers after', async () => {
    await using server = await startRedis();
    const client = clientOf(server.url);
    await client.ping();
    server.pause();
    let answered = false;
    const pong = client.ping().then(reply => {
      answered = true;
      return reply;
    });
    // The kernel accepts a second connection while the process hangs: that is the fault we want to make.
    const second = connect(server.port, '127.0.0.1');
    await once(second, 'connect');
    second.destroy();
    expect(answered).toBe(false);
    server.resume();
    expect(await pong).toBe('PONG');
  });

  it('can be stopped while paused', async () => {
    const server = await startRedis();
    server.pause();
    await server.stop();
    expect(server.running).toBe(false);
  });

  it('says what redis-server said when it cannot start', async () => {
    await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow('no-such-option');
  });

  it('fails on a fixed port that is taken, and tries another when it chose the port itself', async () => {
    const blocker = createServer(socket => socket.destroy()).listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const taken = (blocker.address() as { port: number }).port;
    const failure: unknown = await startRedis({ port: taken }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ServerStartError);
    expect((failure as ServerStartError).portTaken).toBe(true);

    const tried: number[] = [];
    await using server = await onFreePort<RedisServer>(undefined, port => {
      tried.push(port);
      return startRedis({ port: tried.length === 1 ? taken : port });
    });
    expect(tried).toHaveLength(2);
    expect(server.port).toBe(tried[1]);
    blocker.close();
    await once(blocker, 'close');
  });
});

describe('redisForTests', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('starts a server where redis-server is installed, with a prefix of its own', async () => {
    await using one = await redisForTests();
    await using two = await redisForTests();
    expect(one.prefix).toMatch(/^spillway_test_[0-9a-f]{12}$/);
    expect(one.prefix).not.toBe(two.prefix);
    expect(await clientOf(one.url).ping()).toBe('PONG');
  });
});
