import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../test/servers/index.ts';
import { type SeededRandom, seededRandom, testSeed } from '../test/support/random.ts';
import { ChaosProxy } from './proxy.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
function owned<T>(value: T, close: (value: T) => unknown): T {
  closers.push(() => close(value));
  return value;
}

const seed = testSeed();
async function proxyTo(port: number, random: SeededRandom = seededRandom(seed)): Promise<ChaosProxy> {
  return owned(await ChaosProxy.start(port, random), proxy => proxy.close());
}

/** A server that gives back what it gets; `received` is all of it. */
async function echo() {
  const sockets = new Set<Socket>();
  const state = { received: '', packets: 0 };
  const server: Server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', bytes => {
      state.received += bytes.toString();
      state.packets += 1;
      socket.write(bytes);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  owned(server, async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return { state, port: (server.address() as { port: number }).port };
}

/** A client that keeps what it got, and how the connection ended. */
async function clientOf(port: number) {
  const socket = owned(connect({ port, host: '127.0.0.1', noDelay: true }), each => each.destroy());
  const state = { got: '', packets: 0, ended: '' };
  socket.on('data', bytes => {
    state.got += bytes.toString();
    state.packets += 1;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    state.ended = error.code ?? 'error';
  });
  socket.on('close', () => {
    state.ended ||= 'closed';
  });
  await once(socket, 'connect').catch(() => {});
  return { socket, state };
}

const eventually = (holds: () => boolean) =>
  expect.poll(holds, { timeout: 10_000, interval: 5, message: `seed ${seed}` }).toBe(true);

describe('ChaosProxy before an echo server', () => {
  it('passes everything on when it is clear, the ends included', async () => {
    const { port, state } = await echo();
    const client = await clientOf((await proxyTo(port)).port);
    const text = 'x'.repeat(300_000);
    client.socket.write(text);
    await eventually(() => client.state.got === text);
    expect(state.received).toBe(text);
    client.socket.end();
    await eventually(() => client.state.ended === 'closed');
  });

  it('keeps the order of replies that are late', async () => {
    const { port } = await echo();
    const proxy = await proxyTo(port);
    proxy.set({ kind: 'slow', latencyMs: 5, jitterMs: 20 });
    const client = await clientOf(proxy.port);
    const started = performance.now();
    for (let n = 0; n < 50; n++) {
      client.socket.write(`${n},`);
      await new Promise(resolve => setImmediate(resolve));
    }
    const wanted = Array.from({ length: 50 }, (_, n) => `${n},`).join('');
    await eventually(() => client.state.got === wanted);
    // Timers may be a millisecond early; late is no fault.
    expect(performance.now() - started).toBeGreaterThan(4);
  });

  it('holds requests, or replies, and lets them go when the weather clears', async () => {
    const { port, state } = await echo();
    const proxy = await proxyTo(port);
    const client = await clientOf(proxy.port);
    proxy.set({ kind: 'blackhole', ways: ['replies'] });
    client.socket.write('one');
    await eventually(() => state.received === 'one');
    proxy.set({ kind: 'blackhole', ways: ['requests', 'replies'] });
    client.socket.write('two');
    // A second connection is taken in, too, and gets no further.
    const other = await clientOf(proxy.port);
    other.socket.write('other');
    expect(client.state).toEqual({ got: '', packets: 0, ended: '' });
    expect(state.received).toBe('one');
    proxy.set({ kind: 'clear' });
    await eventually(() => client.state.got === 'onetwo' && other.state.got === 'other');
  });

  it('cuts everything into bytes, and loses none', async () => {
    const { port, state } = await echo();
    const proxy = await proxyTo(port);
    proxy.set({ kind: 'fragments' });
    const client = await clientOf(proxy.port);
    const text = Array.from({ length: 500 }, (_, n) => `${n} `).join('');
    client.socket.write(text);
    await eventually(() => client.state.got === text);
    expect(state.packets).toBeGreaterThan(10);
  });

  it('resets instead of replying, when the request has been carried out', async () => {
    const { port, state } = await echo();
    const proxy = await proxyTo(port);
    proxy.set({ kind: 'reset-before-reply', share: 1 });
    const client = await clientOf(proxy.port);
    client.socket.write('do it');
    await eventually(() => client.state.ended === 'ECONNRESET');
    expect([state.received, client.state.got]).toEqual(['do it', '']);
  });

  it('ends a reply in the middle', async () => {
    const { port } = await echo();
    const proxy = await proxyTo(port);
    proxy.set({ kind: 'cut-replies', share: 1 });
    const client = await clientOf(proxy.port);
    client.socket.write('a whole reply');
    await eventually(() => client.state.ended !== '');
    expect('a whole reply'.startsWith(client.state.got)).toBe(true);
    expect(client.state.got.length).toBeLessThan('a whole reply'.length);
  });

  it('spoils the replies of a seed again, and others with another', async () => {
    const spoiled = async (fromSeed: number) => {
      const { port } = await echo();
      const proxy = await proxyTo(port, seededRandom(fromSeed));
      proxy.set({ kind: 'reset-before-reply', share: 0.5 });
      const fates: boolean[] = [];
      for (let n = 0; n < 16; n++) {
        const client = await clientOf(proxy.port);
        client.socket.write('x');
        await eventually(() => client.state.got !== '' || client.state.ended !== '');
        fates.push(client.state.got === '');
        client.socket.destroy();
      }
      return fates;
    };
    const first = await spoiled(5);
    expect(await spoiled(5)).toEqual(first);
    expect(await spoiled(6)).not.toEqual(first);
  });

  it('drops and takes connections in turn when it flaps, and stops when it is clear', async () => {
    const { port } = await echo();
    const proxy = await proxyTo(port);
    const client = await clientOf(proxy.port);
    proxy.set({ kind: 'flapping', everyMs: 20 });
    await eventually(() => client.state.ended === 'ECONNRESET');
    const works = async () => {
      const one = await clientOf(proxy.port);
      one.socket.write('x');
      await eventually(() => one.state.got !== '' || one.state.ended !== '');
      one.socket.destroy();
      return one.state.got === 'x';
    };
    const seen = new Set<boolean>();
    await expect.poll(async () => seen.add(await works()).size, { timeout: 10_000, interval: 1 }).toBe(2);
    proxy.set({ kind: 'clear' });
    for (let n = 0; n < 10; n++) expect(await works()).toBe(true);
  });

  it('resets the client of a server that is not there', async () => {
    const { port } = await proxyTo(1);
    const client = await clientOf(port);
    await eventually(() => client.state.ended !== '');
  });
});

describe('ChaosProxy before a real Redis', () => {
  const clientOfRedis = (port: number) => {
    const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 10 });
    client.on('error', () => {});
    return owned(client, each => each.disconnect());
  };
  const setUp = async (): Promise<{ redis: RedisServer; proxy: ChaosProxy; client: Redis }> => {
    const redis = owned(await startRedis(), each => each.stop());
    const proxy = await proxyTo(redis.port);
    return { redis, proxy, client: clientOfRedis(proxy.port) };
  };

  it('bytes one at a time, or late, still make the same replies', async () => {
    const { proxy, client } = await setUp();
    for (const weather of [
      { kind: 'fragments' },
      { kind: 'slow', latencyMs: 1, jitterMs: 5 },
      { kind: 'clear' },
    ] as const) {
      proxy.set(weather);
      const values = await Promise.all(Array.from({ length: 20 }, (_, n) => client.echo(`value ${n}`)));
      expect(values).toEqual(Array.from({ length: 20 }, (_, n) => `value ${n}`));
    }
  });

  it('a request whose reply is reset was carried out: tried again it counts twice', async () => {
    const { redis, proxy, client } = await setUp();
    await client.ping();
    proxy.set({ kind: 'reset-before-reply', share: 1 });
    const answer = client.incr('counter');
    const direct = clientOfRedis(redis.port);
    await expect.poll(() => direct.get('counter'), { timeout: 10_000, interval: 5 }).not.toBe(null);
    proxy.set({ kind: 'clear' });
    // ioredis sends it again by itself.
    expect(await answer).toBeGreaterThanOrEqual(2);
  });
});
