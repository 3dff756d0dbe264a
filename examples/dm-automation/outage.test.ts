import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { DURABLE, startRedis } from '../../test/servers/index.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { startApp } from './app.ts';
import { faultText } from './print.ts';
import { githubDelivery, post, SECRETS } from './testing.ts';

/** Writes each command before it answers: what it has acknowledged is there again after kill -9. */
async function appOnRedis() {
  const redis = await startRedis({ args: DURABLE });
  onTestFinished(() => redis.stop());
  const lines: string[] = [];
  const write = (_details: object, message: string) => void lines.push(message);
  const faults: string[] = [];
  const dataDir = tempDir('dm-automation');
  const app = await startApp({
    dataDir,
    environment: { REDIS_URL: redis.url },
    logger: { debug: () => {}, info: write, warn: write, error: write },
    secrets: SECRETS,
    port: 0,
    worker: { concurrency: 4 },
    server: { onError: error => faults.push(faultText(error)) },
  });
  onTestFinished(() => app.close());
  const stats = async () => (await (await fetch(`${app.url}/api/jobs/stats`)).json()) as Stats;
  const reaches = (state: string) =>
    vi.waitFor(async () => expect((await stats()).failover.state).toBe(state), WAIT);
  return { app, redis, dataDir, lines, faults, stats, reaches };
}

interface Stats {
  mode: string;
  waiting: number;
  failed: number;
  failover: { state: string; pending: number };
}

const WAIT = { timeout: 20_000, interval: 50 };

it('goes on when its Redis is killed, and gives back what came in meanwhile', async () => {
  const { app, redis, lines, stats, reaches } = await appOnRedis();
  const acknowledged: string[] = [];
  let sent = 0;
  /** Sends until `enough`; every answer must be a 202. */
  const sendUntil = async (enough: () => boolean) => {
    const sender = async () => {
      while (!enough()) {
        const answer = await post(app.url, githubDelivery(`outage-${sent++}`));
        expect(answer).toMatchObject({ status: 202 });
        acknowledged.push(String(answer.body.id));
      }
    };
    await Promise.all(Array.from({ length: 8 }, sender));
  };
  /** Sends all the while that something happens. */
  const sendWhile = async (event: Promise<unknown>) => {
    let over = false;
    const done = event.finally(() => {
      over = true;
    });
    await Promise.all([sendUntil(() => over), done]);
  };
  const worked = () =>
    vi.waitFor(() => expect(new Set(app.store.recordedJobs())).toEqual(new Set(acknowledged)), WAIT);

  await sendUntil(() => acknowledged.length >= 100);
  expect(await stats()).toMatchObject({ mode: 'failover', failover: { state: 'primary' } });
  await sendWhile(redis.kill().then(() => reaches('standby')));
  await sendUntil(() => acknowledged.length >= 500);
  // Jobs that Redis had when it died wait for it; all others are done without it.
  await vi.waitFor(async () => expect(await stats()).toMatchObject({ waiting: 0 }), WAIT);
  expect((await stats()).failover.state).toBe('standby');

  await sendWhile(redis.restart().then(() => reaches('primary')));
  await worked();
  expect(await stats()).toMatchObject({
    mode: 'failover',
    failed: 0,
    failover: { state: 'primary', pending: 0 },
  });
  expect(app.store.recordedJobs()).toHaveLength(acknowledged.length);
  expect(lines.filter(line => line.includes(' -> ')).map(line => /\w+ -> \w+/.exec(line)?.[0])).toEqual([
    'primary -> standby',
    'standby -> returning',
    'returning -> primary',
  ]);
});

it('answers 503 and when to come again, for what only Redis knows and for what nothing can keep', async () => {
  const { app, redis, dataDir, faults, reaches } = await appOnRedis();
  await app.worker.pause();
  expect(await post(app.url, githubDelivery('before'))).toMatchObject({ status: 202 });
  await redis.kill();
  await reaches('standby');
  const look = await fetch(`${app.url}/api/jobs/github-before`);
  expect(look.status).toBe(503);
  expect(look.headers.get('retry-after')).toBe('2');
  expect(await look.json()).toMatchObject({ code: 'SPILLWAY_PRIMARY_AWAY' });
  expect(faults, 'a line, and no stack').toEqual([expect.stringMatching(/^SPILLWAY_PRIMARY_AWAY: [^\n]+$/)]);

  rmSync(join(dataDir, 'queue.db'));
  const refused = await vi.waitFor(async () => {
    const answer = await post(app.url, githubDelivery(`after-${Date.now()}`));
    expect(answer.status).toBe(503);
    return answer;
  }, WAIT);
  expect(refused.body).toMatchObject({ code: 'SPILLWAY_WEBHOOK_NOT_PERSISTED' });
  expect(refused.headers.get('retry-after')).toBe('2');
});
