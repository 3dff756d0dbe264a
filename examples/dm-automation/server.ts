import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Spillway } from '../../src/index.ts';
import { cacheRoutes } from '../../src/server/index.ts';
import {
  createWebhookReceiver,
  type WebhookQueue,
  type WebhookSource,
  webhookRetryAfter,
  webhookStatus,
} from '../../src/webhooks/index.ts';
import { QUEUE, toJob, type WebhookJobData } from './jobs.ts';

export interface ServerOptions {
  spillway: Spillway;
  queue: WebhookQueue<WebhookJobData>;
  sources: readonly WebhookSource[];
  /** The largest body taken, in bytes. Default 1 MiB. */
  bodyLimit?: number;
  /** How long a request may take to arrive whole, in ms; a slower one is cut off. Default 10000. */
  requestTimeoutMs?: number;
  /** How long a webhook may wait for its durable write, in ms, before 503. Default 2000. */
  deadlineMs?: number;
  /** Told what went wrong on our side (5xx). Default: nobody. */
  onError?: (error: unknown) => void;
}

const DEFAULTS = {
  bodyLimit: 1 << 20,
  requestTimeoutMs: 10_000,
  deadlineMs: 2000,
} satisfies Partial<ServerOptions>;

const NO_BODY = Buffer.alloc(0);

/** Compiled once into a serialiser; a receipt is all the hot path writes. */
const RECEIPT_SCHEMA = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string' },
    ids: { type: 'array', items: { type: 'string' } },
    duplicate: { type: 'boolean' },
  },
} as const;

/** The web app. It listens where the caller says; nothing here starts a worker. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const { spillway, queue, sources, onError } = options;
  const { bodyLimit, requestTimeoutMs, deadlineMs } = { ...DEFAULTS, ...options };
  const app = Fastify({
    // One child logger a request is more work than the request; what matters goes to onError.
    logger: false,
    bodyLimit,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.ceil(requestTimeoutMs / 4),
    },
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
  });
  const receiver = createWebhookReceiver({ sources, queue, toJob, deadlineMs });

  // The signature is over the bytes that came in, so nobody may parse them first, whatever they call themselves.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.setErrorHandler<FastifyError>((error, _request, reply) => sendError(error, reply, onError));
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ code: 'NOT_FOUND', message: 'No such page.' }),
  );

  app.post<{ Params: { source: string }; Body: Buffer | undefined }>(
    '/webhooks/:source',
    { schema: { response: { 202: RECEIPT_SCHEMA } } },
    async (request, reply) => {
      const receipt = await receiver.receive(request.params.source, request.headers, request.body ?? NO_BODY);
      reply.code(202);
      return receipt;
    },
  );

  app.get<{ Params: { source: string }; Querystring: Record<string, unknown> }>(
    '/webhooks/:source',
    (request, reply) => {
      const answer = receiver.challenge(request.params.source, request.query);
      reply.type('text/plain; charset=utf-8').header('x-content-type-options', 'nosniff').send(answer);
    },
  );

  app.get('/livez', (_request, reply) => reply.send({ status: 'ok' }));

  app.register(async api => {
    // A page on the web can point its own name at 127.0.0.1 and read what is answered; it can't fake this header.
    api.addHook('onRequest', async (request, reply) => {
      if (!LOOPBACK_HOST.test(request.headers.host ?? '')) {
        reply.code(421).send({ code: 'WRONG_HOST', message: 'Ask for localhost or 127.0.0.1.' });
        return reply;
      }
    });
    // Whoever is on this machine may look; nobody may invalidate, without an `authorize`.
    await api.register(cacheRoutes, { spillway });
    api.get('/api/jobs/stats', async () => {
      const { mode, queues, failover } = await spillway.stats();
      return { mode, ...queues[QUEUE], failover };
    });
    api.get<{ Params: { id: string } }>('/api/jobs/:id', async (request, reply) => {
      const job = await spillway.job(QUEUE, request.params.id);
      if (job === undefined) return reply.code(404).send({ code: 'NO_SUCH_JOB', message: 'No such job.' });
      return job;
    });
  });
  return app;
}

const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

function sendError(error: FastifyError, reply: FastifyReply, onError: ServerOptions['onError']): void {
  // Fastify's own refusals (413, malformed requests) bring their status; a receiver's error has none.
  const status = error.statusCode ?? webhookStatus(error);
  if (status >= 500) onError?.(error);
  if (status === 503) reply.header('retry-after', String(webhookRetryAfter(error)));
  const known = status < 500 || status === 503;
  reply.code(status).send({
    code: known ? error.code : 'INTERNAL',
    message: known ? error.message : 'Something went wrong on our side.',
  });
}
