import { retryAfterMs } from './retry-after.ts';
import type { Verdict } from './verdict.ts';

/** What fetch and undici answer with, as far as it is looked at here. */
interface ResponseLike {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly data?: unknown;
  readonly body?: unknown;
}

/** Where clients keep the response of an error: fetch wrappers, OpenAI and Anthropic, the AI SDK, axios, got. */
interface HttpErrorLike extends ResponseLike {
  readonly responseHeaders?: unknown;
  readonly response?: ResponseLike | null;
  readonly code?: unknown;
  readonly type?: unknown;
  readonly error?: ErrorBody | null;
}

interface ErrorBody {
  readonly code?: unknown;
  readonly type?: unknown;
  readonly message?: unknown;
  readonly error?: unknown;
}

const REQUEST_AT_FAULT: ReadonlySet<unknown> = new Set([
  'context_length_exceeded',
  'string_above_max_length',
  'content_filter',
  'content_policy_violation',
  'invalid_prompt',
]);

/** The type of whatever is no fault of the server: OpenAI gives it to wrong keys as well, so these statuses go before it. */
const NOT_THE_SERVER = 'invalid_request_error';
const SAYS_MORE: ReadonlySet<unknown> = new Set([401, 402, 403, 407, 429]);

/** What Anthropic says of an empty account, which for the rest looks like any request at fault. */
const EMPTY_ACCOUNT = 'credit_balance_too_low';

/** A key that is refused, an account that is empty: whatever the status, often 429 or 400, waiting does not help. */
const CREDENTIALS: ReadonlySet<unknown> = new Set([
  'invalid_api_key',
  'authentication_error',
  'account_deactivated',
  'insufficient_quota',
  'billing_hard_limit_reached',
  'billing_not_active',
  'billing_error',
  EMPTY_ACCOUNT,
]);

/** The code that is missing where only the message tells. At its beginning: further on it may quote the request. */
export function codeInMessage(message: unknown): string | undefined {
  return typeof message === 'string' && /^your credit balance is too low\b/i.test(message)
    ? EMPTY_ACCOUNT
    : undefined;
}

/** What a response says about its service: for calls that answer a failure with a response, as fetch does. */
export function classifyResponse(response: unknown): Verdict {
  const { status, statusCode, headers } = (response ?? {}) as ResponseLike;
  const code = status ?? statusCode;
  return typeof code === 'number' ? byStatus(code, headers) : 'success';
}

/** Of a response that nobody will read, of fetch or undici: or its connection would wait for that. */
export function discardBody(response: unknown): void {
  const { body } = (response ?? {}) as { body?: { cancel?(): unknown; dump?(): unknown } | null };
  const discard = body?.cancel ?? body?.dump;
  if (typeof discard !== 'function') return;
  Promise.resolve()
    .then(() => discard.call(body))
    .catch(() => undefined);
}

/** What the error of an HTTP client says; undefined when it carries no status. */
export function classifyHttpError(error: object): Verdict | undefined {
  const like = error as HttpErrorLike;
  const { response } = like;
  const codes = codesOf(like);
  if (codes.some(code => CREDENTIALS.has(code))) return 'credentials';
  if (codes.some(code => REQUEST_AT_FAULT.has(code))) return 'success';
  const status = [like.status, like.statusCode, response?.status, response?.statusCode].find(
    each => typeof each === 'number' && each >= 400,
  );
  if (codes.includes(NOT_THE_SERVER) && !SAYS_MORE.has(status)) return 'success';
  if (status === undefined) return undefined;
  return byStatus(status as number, like.headers ?? like.responseHeaders ?? response?.headers);
}

function byStatus(status: number, headers: unknown): Verdict {
  if (status < 400) return 'success';
  if (status === 401 || status === 402 || status === 403 || status === 407) return 'credentials';
  if (status === 429) return { coolDownMs: retryAfterMs(headers) };
  // 408 and 425: it was too slow, or too early, and says nothing against the request.
  if (status < 500 && status !== 408 && status !== 425) return 'success';
  const coolDownMs = retryAfterMs(headers);
  return coolDownMs === undefined ? 'failure' : { coolDownMs };
}

/**
 * `error.code` of OpenAI's SDK; a body `{ error: { code, type } }`, which axios keeps in `response.data`, got in `response.body`, the AI
 * SDK in `data`; Anthropic's `{ error: { error: { type } } }`.
 */
function codesOf(like: HttpErrorLike): unknown[] {
  const codes: unknown[] = [like.code, like.type];
  for (const holder of [like, like.data, like.response?.data, like.response?.body]) {
    if (typeof holder !== 'object' || holder === null) continue;
    let inner: unknown = (holder as HttpErrorLike).error;
    for (let depth = 0; depth < 2 && typeof inner === 'object' && inner !== null; depth += 1) {
      const { code, type, message, error } = inner as ErrorBody;
      codes.push(code, type, codeInMessage(message));
      inner = error;
    }
  }
  return codes;
}
