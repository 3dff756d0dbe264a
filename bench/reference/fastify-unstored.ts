import { fastify } from 'fastify';
import type { WebhookServer, WebhookServerOptions } from '../servers/webhook-server.ts';
import { signatureMatches } from './github-signature.ts';

/**
 * What any queue behind Fastify is up against: takes a delivery, checks its signature, parses it, answers 202, and stores
 * nothing. No receiver; it shows how much of a request's time is not the queue's.
 */
export async function startFastifyUnstored({ secret }: WebhookServerOptions): Promise<WebhookServer> {
  const app = fastify();
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post<{ Body: Buffer; Headers: { 'x-hub-signature-256'?: string } }>(
    '/webhooks/github',
    async ({ body, headers }, reply) => {
      if (!signatureMatches(secret, body, headers['x-hub-signature-256'])) return reply.code(401).send();
      JSON.parse(body.toString('utf8'));
      return reply.code(202).send();
    },
  );
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    port: Number(new URL(address).port),
    path: '/webhooks/github',
    jobIdPrefix: '',
    async close() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
