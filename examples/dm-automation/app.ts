import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Worker } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import { createSpillway, type Logger, type Spillway } from '../../src/index.ts';
import { githubSource, metaSource } from '../../src/webhooks/index.ts';
import { AutomationStore } from './automations.ts';
import { CachedStore } from './cached.ts';
import { JOB_OPTIONS, QUEUE, WebhookJobData, type WebhookJobResult, webhookProcessor } from './jobs.ts';
import { buildServer, type ServerOptions } from './server.ts';

export interface Secrets {
  github: string;
  meta: string;
  verifyToken: string;
}

export interface AppOptions {
  /** Where both databases live; made when missing, for this user only. */
  dataDir: string;
  secrets: Secrets;
  /**
   * A Redis URL: jobs are kept there, and in the file in `dataDir` while it is away. Without one they are kept in the
   * file, unless `environment` says more.
   */
  redis?: string | undefined;
  /** What Spillway reads its own names from (REDIS_URL, SPILLWAY_ENGINE, CONCURRENCY…). Default: nothing. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Told which engine keeps the jobs, and what goes wrong with it. Default: nobody. */
  logger?: Logger;
  /** The first port to try, 0 for any. Default 3000. */
  port?: number;
  /** BullMQ's worker options. Default: concurrency 200. */
  worker?: { concurrency?: number; autorun?: boolean; lockDuration?: number; stalledInterval?: number };
  /** How long requests that have begun may take to end when the app closes, in ms. Default 5000. */
  graceMs?: number;
  server?: Pick<ServerOptions, 'bodyLimit' | 'requestTimeoutMs' | 'deadlineMs' | 'onError'>;
}

export interface App {
  url: string;
  port: number;
  spillway: Spillway;
  store: AutomationStore;
  worker: Worker<WebhookJobData, WebhookJobResult>;
  /** Stops taking webhooks, lets running jobs finish, closes both databases. */
  close(): Promise<void>;
}

export const DEFAULT_PORT = 3000;
const PORTS_TRIED = 20;

const GRACE = 5000;

/** How often connections that fell idle are closed while the server stops, in ms. */
const CLOSE_IDLE_EVERY = 20;

/** How long the queue may take to answer for the first time, in ms. */
const START_DEADLINE = 10_000;

/** Puts the parts together and listens on 127.0.0.1. */
export async function startApp(options: AppOptions): Promise<App> {
  const { environment = {} } = options;
  makeFolder(options.dataDir);
  const spillway = createSpillway({
    sqlite: { file: join(options.dataDir, 'queue.db') },
    ...(options.redis === undefined ? {} : { redis: options.redis }),
    environment,
    logger: options.logger ?? false,
    handleSignals: false,
  });
  const queue = spillway.queue(QUEUE, {
    schema: WebhookJobData,
    defaultJobOptions: JOB_OPTIONS,
  });
  const left = await firstAnswer(spillway);
  if (left > 0) options.logger?.info({ left }, `Left from before, worked off as well: ${count(left, 'job')}`);

  const store = new AutomationStore(join(options.dataDir, 'automations.db'));
  const cached = new CachedStore(spillway, store);
  const warmed = await cached.warm();
  options.logger?.info(
    warmed,
    `Warmed ${count(warmed.automations, 'automation')}, ${count(warmed.workspaces, 'workspace')}`,
  );
  const worker = spillway.worker<WebhookJobData, WebhookJobResult>(QUEUE, webhookProcessor(store, cached), {
    ...(environment.CONCURRENCY ? {} : { concurrency: 200 }),
    ...options.worker,
  });
  const { github, meta, verifyToken } = options.secrets;
  const server = buildServer({
    spillway,
    queue,
    sources: [githubSource({ secrets: [github] }), metaSource({ secrets: [meta], verifyToken })],
    ...options.server,
  });
  const port = await listenNear(server, options.port ?? DEFAULT_PORT);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    spillway,
    store,
    worker,
    async close() {
      await stopServing(server, options.graceMs ?? GRACE);
      await spillway.close();
      store.close();
    },
  };
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** Listens on the first free port from `first` on. Loopback only: put a proxy or a tunnel in front for the world. */
async function listenNear(server: FastifyInstance, first: number): Promise<number> {
  for (let port = first; ; port += 1) {
    try {
      await server.listen({ host: '127.0.0.1', port });
      return (server.server.address() as AddressInfo).port;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || port >= first + PORTS_TRIED) throw error;
    }
  }
}

/**
 * Stops listening and lets requests that have begun end. Node closes the connections that are idle at that moment only,
 * and no longer cuts off slow requests: a keep-alive sender or a half-sent body would hold the process up.
 */
async function stopServing(server: FastifyInstance, graceMs: number): Promise<void> {
  const idle = setInterval(() => server.server.closeIdleConnections(), CLOSE_IDLE_EVERY);
  const late = setTimeout(() => server.server.closeAllConnections(), graceMs);
  try {
    await server.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Error(`The folder ${dataDir} (DATA_DIR) can't be made: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

/**
 * Asks the queue for its first answer: how many jobs are not done. The reason it gives none stays the error's cause: a
 * log's matter.
 */
async function firstAnswer(spillway: Spillway): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${START_DEADLINE} ms.`)), START_DEADLINE);
  });
  try {
    const { queues } = await Promise.race([spillway.stats(), late]);
    const { waiting = 0, active = 0, delayed = 0 } = queues[QUEUE] ?? {};
    return waiting + active + delayed;
  } catch (cause) {
    throw new Error(`The queue (${spillway.engine}) does not answer.`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
