import { JOB_OPTIONS, QUEUE, WebhookJobData } from '../../examples/dm-automation/jobs.ts';
import { buildServer } from '../../examples/dm-automation/server.ts';
import { createSpillway } from '../../src/index.ts';
import { githubSource } from '../../src/webhooks/index.ts';
import type { WebhookServer, WebhookServerOptions } from './webhook-server.ts';
import { webhookQueue } from './webhook-server.ts';

/** Spillway's own example server on SQLite: the whole of it but the worker, as with the references. */
export async function startSpillway({ store, secret }: WebhookServerOptions): Promise<WebhookServer> {
  if (store.kind !== 'sqlite') throw new TypeError(`this server runs on sqlite, got ${store.kind}`);
  if (QUEUE !== webhookQueue) throw new Error(`the example's queue is '${QUEUE}', not '${webhookQueue}'`);

  const { file, durability } = store;
  const spillway = createSpillway({
    engine: 'sqlite',
    sqlite: { file, durability },
    environment: {},
    logger: false,
    handleSignals: false,
  });
  const queue = spillway.queue(QUEUE, { schema: WebhookJobData, defaultJobOptions: JOB_OPTIONS });
  await spillway.stats();
  const app = buildServer({ spillway, queue, sources: [githubSource({ secrets: [secret] })] });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    port: Number(new URL(address).port),
    path: '/webhooks/github',
    jobIdPrefix: 'github-',
    async close() {
      await app.close();
      await spillway.close();
    },
  };
}
