import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Queue } from 'bullmq';
import express from 'express';
import type { WebhookServer, WebhookServerOptions } from '../servers/webhook-server.ts';
import { webhookQueue } from '../servers/webhook-server.ts';
import { signatureMatches } from './github-signature.ts';
import { redisPort } from './redis-port.ts';

/** The webhook receiver most teams have: Express 5, BullMQ, Redis. */
export async function startExpressBullmq(options: WebhookServerOptions): Promise<WebhookServer> {
  const connection = { host: '127.0.0.1', port: redisPort(options.store) };
  const queue = new Queue<unknown>(webhookQueue, { connection });
  await queue.waitUntilReady();

  const app = express();
  app.post('/webhooks/github', express.raw({ type: 'application/json' }), async (request, response) => {
    const body = request.body as Buffer;
    if (!signatureMatches(options.secret, body, request.get('x-hub-signature-256'))) {
      response.sendStatus(401);
      return;
    }
    const event = request.get('x-github-event');
    const delivery = request.get('x-github-delivery');
    if (event === undefined || delivery === undefined) {
      response.sendStatus(400);
      return;
    }
    await queue.add(event, JSON.parse(body.toString('utf8')), { jobId: delivery });
    response.sendStatus(202);
  });

  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    path: '/webhooks/github',
    jobIdPrefix: '',
    async close() {
      server.close();
      server.closeAllConnections();
      await queue.close();
    },
  };
}
