import type { CallContext } from '../types.ts';
import { serverSentEvents } from './server-sent-events.ts';
import type { Provider } from './types.ts';

/** What is asked: messages, and any further field of `/chat/completions`. */
export interface ChatRequest {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly [field: string]: unknown;
}

export interface OpenAiOptions {
  /** Of the provider and its breaker. */
  name: string;
  /** Up to and including the version: `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer`; it enters no error. Default none. */
  apiKey?: string;
  model: string;
  /** Of the provider's breaker. */
  breaker?: Provider<[], unknown, unknown>['breaker'];
  /** Default `globalThis.fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** An answer that is no success: what `classifyError` judges by, and nothing that may hold a secret. */
class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError';
  readonly status: number;
  readonly headers: Headers;
  readonly code: string | undefined;

  constructor(provider: string, { status, headers }: Response, code: string | undefined) {
    super(`${provider} answered ${status}${code === undefined ? '' : ` (${code})`}`);
    this.status = status;
    this.headers = headers;
    this.code = code;
  }
}

/**
 * A provider that speaks OpenAI's `/chat/completions`, as most others and local servers do too: `fire` gives the text,
 * `stream` its pieces.
 */
export function openAiProvider(options: OpenAiOptions): Provider<[ChatRequest], string, string> {
  const { name, breaker } = options;
  return {
    name,
    ...(breaker === undefined ? {} : { breaker }),
    async call({ signal }, request) {
      const response = await ask(options, signal, request);
      const content = at(await response.json(), 'message')?.content;
      if (typeof content !== 'string') throw new Error(`${name} answered without choices[0].message.content`);
      return content;
    },
    stream: (context, request) => pieces(options, context, request),
  };
}

async function* pieces(
  options: OpenAiOptions,
  { signal }: CallContext,
  request: ChatRequest,
): AsyncGenerator<string, void, void> {
  const { body } = await ask(options, signal, { ...request, stream: true });
  if (body === null) throw new Error(`${options.name} answered without a body`);
  for await (const event of serverSentEvents(body, '[DONE]')) {
    const piece = at(JSON.parse(event), 'delta')?.content;
    if (typeof piece === 'string' && piece !== '') yield piece;
  }
}

async function ask(
  { name, baseUrl, apiKey, model, fetch = globalThis.fetch }: OpenAiOptions,
  signal: AbortSignal,
  request: ChatRequest,
): Promise<Response> {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ model, ...request }),
  });
  if (!response.ok) throw new HttpStatusError(name, response, await codeOf(response));
  return response;
}

/** `error.code`, else `error.type`; the message may quote the key or the question. */
async function codeOf(response: Response): Promise<string | undefined> {
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { code?: unknown; type?: unknown } }
    | undefined;
  const code = body?.error?.code ?? body?.error?.type;
  return typeof code === 'string' ? code.slice(0, 100) : undefined;
}

function at(answer: unknown, key: 'message' | 'delta'): { content?: unknown } | undefined {
  const { choices } = (answer ?? {}) as { choices?: Record<typeof key, { content?: unknown }>[] };
  return Array.isArray(choices) ? choices[0]?.[key] : undefined;
}
