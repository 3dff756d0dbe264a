import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BreakerRegistry } from '../../src/breakers/index.ts';

let url = '';
let answer: (response: ServerResponse) => void = () => {};
const server = createServer((_request, response) => answer(response));
let registry: BreakerRegistry;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(() => {
  registry = new BreakerRegistry();
});
afterEach(() => registry.close());

const stats = () => registry.get('api').stats;

it('counts a failing response, and hands it on with its body', async () => {
  answer = response => response.writeHead(503).end('busy');
  const fetch = registry.fetch('api', { minimumCalls: 2 });
  for (let time = 0; time < 2; time += 1) {
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([503, 'busy']);
  }
  expect(stats()).toMatchObject({ state: 'open', failures: 2, successes: 0 });
  await expect(fetch(url)).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_OPEN' });
});

it('asks again after a failing response, whose body it lets go', async () => {
  let asked = 0;
  let gone: Promise<unknown> | undefined;
  answer = response => {
    asked += 1;
    if (asked > 1) {
      response.end('here');
      return;
    }
    gone = once(response, 'close');
    // Larger than what the sockets hold: it ends only when its reader hangs up.
    response.writeHead(503).end(Buffer.alloc(64 * 1024 * 1024));
  };
  const fetch = registry.fetch('api', { attempts: 2, retryMs: 1 });
  const response = await fetch(url);
  expect([response.status, await response.text(), asked]).toEqual([200, 'here', 2]);
  await gone;
  expect(stats()).toMatchObject({ fires: 1, failures: 1, successes: 1, retries: 1 });
});

it('rests as long as a 429 asks, and takes a 404 for an answer', async () => {
  const fetch = registry.fetch('api');
  answer = response => response.writeHead(404).end();
  expect((await fetch(url)).status).toBe(404);
  expect(stats()).toMatchObject({ state: 'closed', successes: 1 });
  answer = response => response.writeHead(429, { 'retry-after': '30' }).end();
  expect((await fetch(url)).status).toBe(429);
  expect(stats()).toMatchObject({ state: 'open', reason: 'cool-down' });
});

it('bounds the head of a response, not its body', async () => {
  const fetch = registry.fetch('api', { timeoutMs: 500 });
  const timedOut = new Promise(resolve => registry.get('api').once('timeout', resolve));
  let sendRest = () => {};
  answer = response => {
    response.writeHead(200);
    response.write('first ');
    sendRest = () => response.end('rest');
  };
  const response = await fetch(url);
  // Another call on the same breaker outlasts the timeout, so that it has passed for this one as well.
  answer = () => {};
  const hung = fetch(url).catch((error: unknown) => error);
  await timedOut;
  expect(await hung).toMatchObject({ code: 'SPILLWAY_BREAKER_TIMEOUT' });
  sendRest();
  expect(await response.text()).toBe('first rest');
  expect(stats()).toMatchObject({ successes: 1, timeouts: 1 });
});

it('aborts the call that times out', async () => {
  let closed: Promise<unknown> | undefined;
  answer = response => {
    closed = once(response, 'close');
  };
  const fetch = registry.fetch('api', { timeoutMs: 300 });
  await expect(fetch(url)).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_TIMEOUT' });
  await closed;
});

it.each([
  ['init', (signal: AbortSignal): Parameters<typeof fetch> => [url, { signal }]],
  ['a Request', (signal: AbortSignal): Parameters<typeof fetch> => [new Request(url, { signal })]],
])(
  'a call that its caller gives up, by the signal of %s, says nothing about the service',
  async (_name, args) => {
    const controller = new AbortController();
    answer = () => controller.abort();
    const fetch = registry.fetch('api', { minimumCalls: 1 });
    await expect(fetch(...args(controller.signal))).rejects.toMatchObject({ name: 'AbortError' });
    expect(stats()).toMatchObject({ state: 'closed', ignored: 1, failures: 0 });
  },
);

it('counts a server that is not there', async () => {
  const fetch = registry.fetch('api', { minimumCalls: 1 });
  await expect(fetch('http://127.0.0.1:1/')).rejects.toThrow('fetch failed');
  expect(stats().state).toBe('open');
});

it('guards undici’s functions as well', async () => {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent();
  answer = response => response.writeHead(500).end('down');
  const guarded = registry.fetch('api', { minimumCalls: 1 }, request);
  const { statusCode, body } = await guarded(url, { dispatcher });
  expect([statusCode, await body.text()]).toEqual([500, 'down']);
  expect(stats().state).toBe('open');
  await dispatcher.close();
});

it('the same breaker for the same fetch and options', () => {
  registry.fetch('api');
  registry.fetch('api');
  expect(() => registry.fetch('api', { timeoutMs: 1 })).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_BREAKER_EXISTS' }),
  );
});
