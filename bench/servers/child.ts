import type { Contender } from '../harness/contenders.ts';
import { serveParent } from '../harness/serve-parent.ts';
import type { WebhookServer, WebhookServerOptions } from './webhook-server.ts';

/** A webhook server in a process of its own. */
export interface ServerRequest extends WebhookServerOptions {
  readonly server: NonNullable<Contender['server']>;
}

export type ServerReply = Omit<WebhookServer, 'close'>;

/** Loaded when asked for: no server carries another one's modules in its heap. */
const load = {
  express: async () => (await import('../reference/express-bullmq.ts')).startExpressBullmq,
  fastify: async () => (await import('../reference/fastify-bullmq.ts')).startFastifyBullmq,
  'fastify unstored': async () => (await import('../reference/fastify-unstored.ts')).startFastifyUnstored,
  'main job': async () => (await import('./main-job.ts')).startMainJob,
  spillway: async () => (await import('./spillway.ts')).startSpillway,
};

serveParent<ServerRequest, ServerReply>(async ({ server, ...options }) => {
  const start = await load[server]();
  const { close, ...reply } = await start(options);
  return { reply, stop: close };
});
