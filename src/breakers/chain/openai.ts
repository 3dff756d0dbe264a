import { SpillwayError } from '../../shared/errors.ts';
import { noSuchOption } from '../../shared/unknown-option.ts';
import { codeInMessage } from '../classify-http.ts';
import { checkName } from '../settings.ts';
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
  readonly status: number | undefined;
  readonly headers: Headers;
  readonly code: string | undefined;

  /** @param status undefined: an error in the middle of a stream that names none. */
  constructor(provider: string, status: number | undefined, headers: Headers, code: string | undefined) {
    super(`${provider} answered ${status ?? 'an error'}${code === undefined ? '' : ` (${code})`}`);
    this.status = status;
    this.headers = headers;
    this.code = code;
  }
}

/**
 * A provider that speaks OpenAI's `/chat/completions`, as most others and local servers do too: `fire` gives the text,
 * `stream` its pieces. Throws SPILLWAY_INVALID_OPTION.
 */
export function openAiProvider(options: OpenAiOptions): Provider<[ChatRequest], string, string> {
  checkOptions(options);
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

const known = {
  name: true,
  baseUrl: true,
  apiKey: true,
  model: true,
  fetch: true,
  breaker: true,
} as const satisfies Record<keyof OpenAiOptions, true>;

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const isHttpUrl = (value: unknown) =>
  typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);

/** Shows none of the values: a URL may hold a password, and a key may stand where it does not belong. */
function checkOptions(options: OpenAiOptions | undefined): void {
  checkName('provider', options?.name);
  const { name, baseUrl, model, apiKey } = options as OpenAiOptions;
  const refuse = (option: string, range: string, value: unknown) =>
    new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `Option ${option} of provider ${JSON.stringify(name)} must be ${range}; received a value of type ${typeof value} (not shown: it may hold a secret)`,
      { details: { provider: name, option, range } },
    );
  const unknown = Object.keys(options as object).find(option => !Object.hasOwn(known, option));
  if (unknown !== undefined)
    throw noSuchOption(`provider ${JSON.stringify(name)}`, unknown, Object.keys(known), { provider: name });
  if (!isHttpUrl(baseUrl)) throw refuse('baseUrl', 'an http: or https: URL, up to the version', baseUrl);
  if (!isText(model)) throw refuse('model', 'a text that is not empty', model);
  if (apiKey !== undefined && typeof apiKey !== 'string') throw refuse('apiKey', 'a text', apiKey);
  const { fetch } = options as OpenAiOptions;
  if (fetch !== undefined && typeof fetch !== 'function') throw refuse('fetch', 'a function', fetch);
}

async function* pieces(
  options: OpenAiOptions,
  { signal }: CallContext,
  request: ChatRequest,
): AsyncGenerator<string, void, void> {
  const { body, headers } = await ask(options, signal, { ...request, stream: true });
  if (body === null) throw new Error(`${options.name} answered without a body`);
  for await (const event of serverSentEvents(body, '[DONE]')) {
    const chunk: unknown = JSON.parse(event);
    const error = errorIn(chunk);
    // What fails after its head was sent can only be told in the stream; servers may end it in good order then.
    if (error !== undefined) throw new HttpStatusError(options.name, error.status, headers, error.code);
    const piece = at(chunk, 'delta')?.content;
    if (typeof piece === 'string' && piece !== '') yield piece;
  }
}

async function ask(
  { name, baseUrl, apiKey, model, fetch = globalThis.fetch }: OpenAiOptions,
  signal: AbortSignal,
  request: ChatRequest,
): Promise<Response> {
  const response = await fetch(`${baseUrl.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ model, ...request }),
  });
  if (!response.ok) {
    const error = errorIn(await response.json().catch(() => undefined));
    throw new HttpStatusError(name, response.status, response.headers, error?.code);
  }
  return response;
}

/** `error.code`, else `error.type`; a code that is a number is a status. The message may quote the key or the question. */
function errorIn(answer: unknown): { code: string | undefined; status: number | undefined } | undefined {
  const { error } = (answer ?? {}) as {
    error?: { code?: unknown; type?: unknown; message?: unknown } | null;
  };
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, type, message } = error;
  const word = [codeInMessage(message), code, type].find(each => typeof each === 'string') as
    | string
    | undefined;
  return { code: word?.slice(0, 100), status: typeof code === 'number' ? code : undefined };
}

function at(answer: unknown, key: 'message' | 'delta'): { content?: unknown } | undefined {
  const { choices } = (answer ?? {}) as { choices?: Record<typeof key, { content?: unknown }>[] };
  return Array.isArray(choices) ? choices[0]?.[key] : undefined;
}
