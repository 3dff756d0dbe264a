import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, type AppOptions, startApp } from './app.ts';
import { type Delivery, signedHeaders } from './payloads.ts';

/** The engines the tests of this example run on. */
export const ENGINES = ['failover', 'redis', 'sqlite'] as const;
export type Engine = (typeof ENGINES)[number];

export const SECRETS = { github: 'github-secret', meta: 'meta-secret', verifyToken: 'verify-token' };

/** A place for one test's queue: a folder, and a Redis of its own unless the engine is SQLite. */
export interface Place {
  dataDir: string;
  redis: string | undefined;
  /** What asks for the engine where it is not the one that `redis` alone would be. */
  environment: Record<string, string>;
  release(): Promise<void>;
}

export async function placeFor(engine: Engine): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), 'dm-automation-'));
  const redis = engine === 'sqlite' ? undefined : await startRedis();
  return {
    dataDir,
    redis: redis?.url,
    environment: engine === 'redis' ? { SPILLWAY_ENGINE: 'redis' } : {},
    async release() {
      await redis?.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A redis-server on a free loopback port, gone with `stop`. */
export async function startRedis(password?: string): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const settings = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  if (password !== undefined) settings.push('--requirepass', password);
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  await outputOf(child, 'Ready to accept connections');
  const login = password === undefined ? '' : `:${password}@`;
  return { url: `redis://${login}127.0.0.1:${port}`, stop: () => endChild(child, 'SIGKILL').then(() => {}) };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Waits until a child has printed a text; resolves to all it printed so far. */
export function outputOf(child: ChildProcess, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(text)) resolve(output);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('exit', code => reject(new Error(`ended with ${code} before printing "${text}":\n${output}`)));
  });
}

/** Sends a signal and waits for the end; resolves to the exit code, null after SIGKILL. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
  return child.exitCode;
}

export function startTestApp(place: Place, options: Partial<AppOptions> = {}): Promise<App> {
  const { dataDir, redis, environment } = place;
  return startApp({ dataDir, redis, environment, secrets: SECRETS, port: 0, ...options });
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Posts a delivery as its sender would; `change` spoils or adds headers. */
export async function post(
  url: string,
  delivery: Delivery,
  change: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${url}/webhooks/${delivery.source}`, {
    method: 'POST',
    headers: { ...signedHeaders(delivery, SECRETS[delivery.source]), ...change },
    body: delivery.body,
  });
  return {
    status: answer.status,
    headers: answer.headers,
    body: (await answer.json()) as Record<string, unknown>,
  };
}

export function githubDelivery(id: string, body: object = { zen: 'Keep it logically awesome.' }): Delivery {
  return {
    source: 'github',
    headers: { 'x-github-event': 'ping', 'x-github-delivery': id },
    body: JSON.stringify(body),
  };
}
