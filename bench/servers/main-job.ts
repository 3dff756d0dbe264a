import { dirname } from 'node:path';
import { startApp } from '../../examples/dm-automation/app.ts';
import type { WebhookServer, WebhookServerOptions } from './webhook-server.ts';

/** The example as `npm start` runs it: the server, the queue's worker and its automations in one process. */
export async function startMainJob({ store, secret }: WebhookServerOptions): Promise<WebhookServer> {
  if (store.kind !== 'sqlite') throw new TypeError(`this server runs on sqlite, got ${store.kind}`);
  const app = await startApp({
    dataDir: dirname(store.file),
    port: 0,
    secrets: { github: secret, meta: secret, verifyToken: secret },
  });
  return { port: app.port, path: '/webhooks/github', jobIdPrefix: 'github-', close: app.close };
}
