import { describe, expect, it } from 'vitest';
import { classifyError } from './classify.ts';
import { classifyResponse } from './classify-http.ts';
import { retryAfterMs } from './retry-after.ts';

describe('an error', () => {
  const named = (name: string, more: object = {}) => Object.assign(new Error(name), { name, ...more });
  const postgres = (code: string) => Object.assign(new Error('db'), { code, severity: 'ERROR' });

  it.each([
    ['anything unknown', new Error('?'), 'failure'],
    ['no error at all', undefined, 'failure'],
    ['a refused connection', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'failure'],
    [
      'a broken pipe, whose code looks like a SQLSTATE',
      Object.assign(new Error('x'), { code: 'EPIPE' }),
      'failure',
    ],
    ['a call given up', new DOMException('gone', 'AbortError'), 'ignore'],
    ['a timeout', new DOMException('late', 'TimeoutError'), 'failure'],
    ['status 400', { status: 400 }, 'success'],
    ['status 404, as axios keeps it', { response: { status: 404, headers: {} } }, 'success'],
    ['status 408', { status: 408 }, 'failure'],
    ['status 500, as the AI SDK keeps it', { statusCode: 500, responseHeaders: {} }, 'failure'],
    ['status 529', { status: 529 }, 'failure'],
    ['status 401', { status: 401 }, 'credentials'],
    ['status 402', { status: 402 }, 'credentials'],
    ['status 403', { status: 403 }, 'credentials'],
    ['status 429', { status: 429 }, { coolDownMs: undefined }],
    [
      'status 429 with seconds, as axios keeps them',
      { response: { status: 429, headers: { 'Retry-After': '3' } } },
      { coolDownMs: 3_000 },
    ],
    ['status 503 with seconds', { status: 503, headers: { 'retry-after': '9' } }, { coolDownMs: 9_000 }],
    ['an empty account', { status: 429, code: 'insufficient_quota' }, 'credentials'],
    ['an empty account in the body', { status: 429, error: { code: 'insufficient_quota' } }, 'credentials'],
    ['a question too long', { status: 400, code: 'context_length_exceeded' }, 'success'],
    ['forbidden content, answered with 403', { status: 403, code: 'content_filter' }, 'success'],
    [
      'Anthropic’s request at fault',
      { status: 500, error: { error: { type: 'invalid_request_error' } } },
      'success',
    ],
    [
      'an empty account, as Anthropic’s SDK tells it',
      {
        status: 400,
        error: {
          type: 'error',
          error: {
            type: 'invalid_request_error',
            message:
              'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
          },
        },
      },
      'credentials',
    ],
    [
      'an empty account of Anthropic’s, as axios keeps the body',
      {
        response: {
          status: 400,
          data: { error: { type: 'invalid_request_error', message: 'Your credit balance is too low.' } },
        },
      },
      'credentials',
    ],
    [
      'a question that speaks of one',
      {
        status: 400,
        error: { error: { type: 'invalid_request_error', message: 'bad: "Your credit balance is too low"' } },
      },
      'success',
    ],
    [
      'a wrong key, as OpenAI’s SDK tells it',
      { status: 401, code: 'invalid_api_key', type: 'invalid_request_error' },
      'credentials',
    ],
    [
      'no key, as OpenAI tells it',
      { status: 401, error: { code: null, type: 'invalid_request_error' } },
      'credentials',
    ],
    [
      'no right to a model, as OpenAI tells it',
      { status: 403, code: 'model_not_found', type: 'invalid_request_error' },
      'credentials',
    ],
    ['a wrong key, answered with 400', { status: 400, code: 'invalid_api_key' }, 'credentials'],
    ['an empty account, told in a stream', { status: undefined, code: 'insufficient_quota' }, 'credentials'],
    [
      'too many requests, of the type of a request at fault',
      { status: 429, type: 'invalid_request_error', headers: { 'retry-after': '2' } },
      { coolDownMs: 2_000 },
    ],
    ['an unknown model', { status: 404, code: 'model_not_found', type: 'invalid_request_error' }, 'success'],
    [
      'an empty account, as axios keeps the body',
      { response: { status: 429, data: { error: { code: 'insufficient_quota' } } } },
      'credentials',
    ],
    [
      'an empty account, as got keeps the body',
      { response: { statusCode: 429, body: { error: { code: 'insufficient_quota' } } } },
      'credentials',
    ],
    [
      'a question too long, as the AI SDK keeps the body',
      { statusCode: 400, data: { error: { code: 'context_length_exceeded', message: 'x' } } },
      'success',
    ],
    [
      'the last of the AI SDK’s own attempts',
      named('AI_RetryError', { lastError: { statusCode: 429, responseHeaders: { 'retry-after': '4' } } }),
      { coolDownMs: 4_000 },
    ],
    ['a body that is a text', { response: { status: 500, data: 'oops', body: 'oops' } }, 'failure'],
    ['a status of success', { status: 200 }, 'failure'],
    ['a status inside a cause', new Error('x', { cause: { status: 422 } }), 'success'],
    ['PostgreSQL: connection', postgres('08006'), 'failure'],
    ['PostgreSQL: too many connections', postgres('53300'), 'failure'],
    ['PostgreSQL: shutting down', postgres('57P01'), 'failure'],
    ['PostgreSQL: cancelled by a timeout', postgres('57014'), 'failure'],
    ['PostgreSQL: the primary became a replica', postgres('25006'), 'failure'],
    ['PostgreSQL: wrong password', postgres('28P01'), 'credentials'],
    ['PostgreSQL: data', postgres('22012'), 'success'],
    ['PostgreSQL: a unique key', postgres('23505'), 'success'],
    ['PostgreSQL: syntax', postgres('42601'), 'success'],
    ['PostgreSQL: a serialization failure', postgres('40001'), 'success'],
    ['MongoDB: no server', named('MongoServerSelectionError'), 'failure'],
    ['MongoDB: network', named('MongoNetworkError', { errorLabels: ['ResetPool'] }), 'failure'],
    ['MongoDB: not the primary', named('MongoServerError', { code: 10107 }), 'failure'],
    [
      'MongoDB: by label',
      named('MongoServerError', { code: 1, errorLabels: ['RetryableWriteError'] }),
      'failure',
    ],
    ['MongoDB: wrong password', named('MongoServerError', { code: 18 }), 'credentials'],
    ['MongoDB: a duplicate key', named('MongoServerError', { code: 11000 }), 'success'],
    ['MongoDB: duplicate keys in bulk', named('MongoBulkWriteError', { code: 11000 }), 'success'],
    [
      'MongoDB: a write conflict',
      named('MongoServerError', { code: 112, errorLabels: ['TransientTransactionError'] }),
      'success',
    ],
    ['MongoDB: misuse', named('MongoInvalidArgumentError'), 'success'],
  ])('%s', (_name, error, verdict) => {
    expect(classifyError(error)).toEqual(verdict);
  });

  it('that is its own cause is taken', () => {
    const error = new Error('round');
    error.cause = error;
    expect(classifyError(error)).toBe('failure');
  });
});

it('a response is judged by its status', () => {
  const of = (status: number, headers?: Record<string, string>) =>
    classifyResponse(new Response(null, headers === undefined ? { status } : { status, headers }));
  expect([of(200), of(404), of(401), of(500), of(429, { 'retry-after': '1' })]).toEqual([
    'success',
    'success',
    'credentials',
    'failure',
    { coolDownMs: 1_000 },
  ]);
  expect(classifyResponse({ statusCode: 503, headers: {} })).toBe('failure');
  expect(classifyResponse('no response')).toBe('success');
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1, 12);
  const at = (ms: number) => new Date(now + ms).toUTCString();

  it.each([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['a date', { 'retry-after': at(60_000) }, 60_000],
    ['a date past', { 'retry-after': at(-60_000) }, 0],
    [
      'a date, against the clock of its sender',
      { 'retry-after': at(3_660_000), date: at(3_600_000) },
      60_000,
    ],
    ['milliseconds', { 'retry-after-ms': '1500' }, 1_500],
    ['the later of two', { 'retry-after': '1', 'retry-after-ms': '1500' }, 1_500],
    ['Headers', new Headers({ 'Retry-After': '2' }), 2_000],
    ['any case', { 'RETRY-AFTER': '2' }, 2_000],
    ['a list', { 'retry-after': ['2', '9'] }, 2_000],
    ['a number', { 'retry-after': 2 }, 2_000],
    ['none', { 'content-type': 'x' }, undefined],
    ['no headers', undefined, undefined],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['below zero', { 'retry-after': '-5' }, undefined],
    ['a year, which Date.parse would take', { 'retry-after': '2030-01-01' }, undefined],
  ])('%s', (_name, headers, ms) => {
    expect(retryAfterMs(headers, now)).toBe(ms);
  });
});
