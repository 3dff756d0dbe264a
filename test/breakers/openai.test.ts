import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { BreakerRegistry, openAiProvider } from '../../src/breakers/index.ts';
import { type OpenAiStandIn, startOpenAiStandIn } from '../servers/index.ts';

const question = { messages: [{ role: 'user', content: 'Where does it go?' }] };
const breaker = { minimumCalls: 1 };

let server: OpenAiStandIn;
let registry: BreakerRegistry;

beforeAll(async () => {
  server = await startOpenAiStandIn(['to', 'the', 'sea']);
});
afterAll(() => server.stop());
beforeEach(() => {
  registry = new BreakerRegistry();
});
afterEach(() => registry.close());

const provider = (baseUrl = server.baseUrl) =>
  openAiProvider({ name: 'model', baseUrl, model: 'm', breaker });

async function collect(stream: AsyncIterable<string>): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

it('an error as an event of the stream is no end of an answer', async () => {
  server.behaviour = { kind: 'error-after', words: 2 };
  const chain = registry.chain('answer', [provider()]);
  await expect(collect(chain.stream(question))).rejects.toMatchObject({
    code: 'SPILLWAY_STREAM_INCOMPLETE',
    details: { provider: 'model', chunks: 2 },
    cause: { status: 529, code: 'overloaded_error' },
  });
  expect(registry.get('model').stats).toMatchObject({ state: 'open', failures: 1 });
});

it('before the first word the next provider is asked', async () => {
  server.behaviour = { kind: 'error-after', words: 0 };
  const other = {
    name: 'other',
    stream: async function* () {
      yield 'instead';
    },
  };
  const chain = registry.chain('answer', [provider(), other]);
  expect(await collect(chain.stream(question))).toEqual(['instead']);
});

it('a server that does not end its last event has ended its answer all the same; a base URL may end in a slash', async () => {
  const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const terse = createServer((request, response) => {
    request.resume();
    if (request.url !== '/v1/chat/completions') response.writeHead(404).end();
    else response.end(`${chunk('a')}: a comment\n\n${chunk('b')}data: [DONE]`);
  });
  terse.listen(0, '127.0.0.1');
  await once(terse, 'listening');
  onTestFinished(async () => {
    terse.closeAllConnections();
    terse.close();
    await once(terse, 'close');
  });
  const { port } = terse.address() as AddressInfo;
  const chain = registry.chain('answer', [provider(`http://127.0.0.1:${port}/v1/`)]);
  expect(await collect(chain.stream(question))).toEqual(['a', 'b']);
});

it('an empty account that only a message tells of is not asked again; the next provider is', async () => {
  const message = 'Your credit balance is too low to access the Anthropic API.';
  const empty = createServer((request, response) => {
    request.resume();
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ error: { code: 'invalid_request_error', type: 'invalid_request_error', message } }),
    );
  });
  empty.listen(0, '127.0.0.1');
  await once(empty, 'listening');
  onTestFinished(() => {
    empty.closeAllConnections();
    empty.close();
  });
  const baseUrl = `http://127.0.0.1:${(empty.address() as AddressInfo).port}/v1`;
  const other = { name: 'other', call: async () => 'instead' };
  const chain = registry.chain('answer', [provider(baseUrl), other]);
  expect(await chain.fire(question)).toBe('instead');
  expect(registry.get('model').stats).toMatchObject({ state: 'open', reason: 'credentials' });
});
