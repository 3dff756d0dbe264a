import { existsSync } from 'node:fs';
import type { StoreAddress } from '../harness/store.ts';
import type { WebhookServer, WebhookServerOptions } from './webhook-server.ts';
import { webhookQueue } from './webhook-server.ts';

// The one place that knows the example server. Its modules are imported by address, so that this type-checks and the
// other benchmarks run while they are not in the tree.
const modules = {
  server: new URL('../../examples/dm-automation/server.ts', import.meta.url),
  jobs: new URL('../../examples/dm-automation/jobs.ts', import.meta.url),
  webhooks: new URL('../../src/webhooks/index.ts', import.meta.url),
  spillway: new URL('../../src/index.ts', import.meta.url),
};

export function spillwayServerAvailable(): boolean {
  return Object.values(modules).every(module => existsSync(module));
}

type SqliteStore = Extract<StoreAddress, { kind: 'sqlite' }>;

/** What is used of each module, as narrow as it can be. */
interface Spillway {
  queue(name: string, options: { schema: unknown; defaultJobOptions: unknown }): object;
  stats(): Promise<unknown>;
  close(): Promise<void>;
}
interface SpillwayModule {
  createSpillway(options: {
    engine: 'sqlite';
    sqlite: Pick<SqliteStore, 'file' | 'durability'>;
    handleSignals: boolean;
  }): Spillway;
}
interface WebhooksModule {
  githubSource(options: { secrets: readonly string[] }): object;
}
interface JobsModule {
  readonly QUEUE: string;
  readonly WebhookJobData: object;
  readonly JOB_OPTIONS: object;
}
interface ServerModule {
  buildServer(options: { spillway: Spillway; queue: object; sources: readonly object[] }): {
    listen(options: { host: string; port: number }): Promise<string>;
    close(): Promise<void>;
  };
}

/** Spillway's own example server on SQLite: the whole of it but the worker, as with the references. */
export async function startSpillway({ store, secret }: WebhookServerOptions): Promise<WebhookServer> {
  if (store.kind !== 'sqlite') throw new TypeError(`this server runs on sqlite, got ${store.kind}`);
  const { createSpillway } = (await import(modules.spillway.href)) as SpillwayModule;
  const { githubSource } = (await import(modules.webhooks.href)) as WebhooksModule;
  const { QUEUE, WebhookJobData, JOB_OPTIONS } = (await import(modules.jobs.href)) as JobsModule;
  const { buildServer } = (await import(modules.server.href)) as ServerModule;
  if (QUEUE !== webhookQueue) throw new Error(`the example's queue is '${QUEUE}', not '${webhookQueue}'`);

  const { file, durability } = store;
  const spillway = createSpillway({ engine: 'sqlite', sqlite: { file, durability }, handleSignals: false });
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
