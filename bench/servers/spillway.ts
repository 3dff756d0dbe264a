import { existsSync } from 'node:fs';
import type { WebhookServer, WebhookServerOptions } from './webhook-server.ts';

// The one place that knows the example server. It is imported by address, so that this type-checks and the other
// benchmarks run while the example is not in the tree.
const exampleModule = new URL('../../examples/dm-automation/server.ts', import.meta.url);

export function spillwayServerAvailable(): boolean {
  return existsSync(exampleModule);
}

/** The part of a Fastify instance used here. */
interface ListeningApp {
  listen(options: { host: string; port: number }): Promise<string>;
  close(): Promise<void>;
}

/** What this benchmark expects of the example's `buildServer`: to receive and enqueue, without a worker. */
type BuildServer = (options: {
  readonly file: string;
  readonly durability: 'full' | 'normal';
  readonly queueName: string;
  readonly secret: string;
}) => Promise<ListeningApp>;

/** Spillway's own example server, on SQLite. */
export async function startSpillway(options: WebhookServerOptions): Promise<WebhookServer> {
  if (options.store.kind !== 'sqlite') {
    throw new TypeError(`this server runs on sqlite, got ${options.store.kind}`);
  }
  const { buildServer } = (await import(exampleModule.href)) as { buildServer: BuildServer };
  const { file, durability } = options.store;
  const app = await buildServer({ file, durability, queueName: options.queueName, secret: options.secret });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: Number(new URL(address).port), path: '/webhooks/github', close: () => app.close() };
}
