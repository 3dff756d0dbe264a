import type { Contender } from '../harness/contenders.ts';
import { serveParent } from '../harness/serve-parent.ts';
import { startExpressBullmq } from '../reference/express-bullmq.ts';
import { startFastifyBullmq } from '../reference/fastify-bullmq.ts';
import { startSpillway } from './spillway.ts';
import type { WebhookServer, WebhookServerOptions } from './webhook-server.ts';

/** A webhook server in a process of its own. */
export interface ServerRequest extends WebhookServerOptions {
  readonly server: NonNullable<Contender['server']>;
}

export type ServerReply = Omit<WebhookServer, 'close'>;

const start = {
  express: startExpressBullmq,
  fastify: startFastifyBullmq,
  spillway: startSpillway,
};

serveParent<ServerRequest, ServerReply>(async ({ server, ...options }) => {
  const { close, ...reply } = await start[server](options);
  return { reply, stop: close };
});
