import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * How the stand-in answers a question:
 *
 * - `answer`: as asked, whole or as a stream of words;
 * - `status`: with this status, headers and error code;
 * - `hang`: takes the question and never answers;
 * - `hang-after`, `cut-after`, `end-after`: sends so many words of a stream and then nothing more; or cuts the connection;
 *   or ends it in good order, without `[DONE]`;
 * - `error-after`: sends so many words of a stream, then an error as an event of it, and ends it in good order, as proxies do;
 * - `wrong-json`: with status 200 and something that is no JSON.
 */
export type Behaviour =
  | { kind: 'answer' }
  | { kind: 'status'; status: number; code?: string; headers?: Record<string, string> }
  | { kind: 'hang' }
  | { kind: 'hang-after' | 'cut-after' | 'end-after' | 'error-after'; words: number }
  | { kind: 'wrong-json' };

export interface OpenAiStandIn extends AsyncDisposable {
  /** To use as `baseUrl`. */
  readonly baseUrl: string;
  /** How it answers from now on. */
  behaviour: Behaviour;
  /** Questions it has taken. */
  readonly asked: number;
  /** Questions whose asker hung up before the answer was complete. */
  readonly abandoned: number;
  stop(): Promise<void>;
}

/** A server on the loopback that speaks OpenAI's `/chat/completions`, and misbehaves when told to. It says `words`. */
export async function startOpenAiStandIn(words: readonly string[]): Promise<OpenAiStandIn> {
  let asked = 0;
  let abandoned = 0;
  let behaviour: Behaviour = { kind: 'answer' };
  const server = createServer(async (request, response) => {
    const question = await read(request);
    asked += 1;
    response.once('close', () => {
      if (!response.writableFinished) abandoned += 1;
    });
    respond(behaviour, question.stream === true, words, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    get behaviour() {
      return behaviour;
    },
    set behaviour(next) {
      behaviour = next;
    },
    get asked() {
      return asked;
    },
    get abandoned() {
      return abandoned;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function read(request: IncomingMessage): Promise<{ stream?: unknown }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function respond(
  behaviour: Behaviour,
  stream: boolean,
  words: readonly string[],
  response: ServerResponse,
): void {
  switch (behaviour.kind) {
    case 'hang':
      return;
    case 'status': {
      const { status, code, headers } = behaviour;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify({ error: { message: 'as told', code: code ?? null } }));
      return;
    }
    case 'wrong-json':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(stream ? 'data: {"choices": [\n\n' : '{"choices": [');
      return;
    case 'answer':
      if (stream) {
        sendWords(words, response, 'done');
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          object: 'chat.completion',
          choices: [{ index: 0, message: { role: 'assistant', content: words.join(' ') } }],
          usage: { prompt_tokens: 1, completion_tokens: words.length, total_tokens: words.length + 1 },
        }),
      );
      return;
    default:
      sendWords(words.slice(0, behaviour.words), response, behaviour.kind);
  }
}

function sendWords(
  words: readonly string[],
  response: ServerResponse,
  then: 'done' | 'hang-after' | 'cut-after' | 'end-after' | 'error-after',
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  const chunks = words.map(word => ({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content: word } }],
  }));
  const events = chunks.map(chunk => `data: ${JSON.stringify(chunk)}\n\n`).join('');
  // What is written is on its way before the connection is cut.
  response.write(events, () => {
    if (then === 'cut-after') response.destroy();
  });
  if (then === 'done') response.end('data: [DONE]\n\n');
  if (then === 'end-after') response.end();
  if (then === 'error-after') {
    const error = { message: 'as told', type: 'overloaded_error', code: 529 };
    response.end(`data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
  }
}
