import { expect, it, onTestFinished, vi } from 'vitest';
import { startRedis } from '../../test/servers/index.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { type App, startApp } from './app.ts';
import { githubDeliveries, instagramMessage, metaDeliveries, metaMessages } from './payloads.ts';
import { replay } from './replay.ts';
import { post, SECRETS } from './testing.ts';

const WAIT = { timeout: 20_000, interval: 50 };
const conditions = ['off', 'on', 'hung', 'killed'] as const;

async function appWithRedis(condition: (typeof conditions)[number]) {
  const redis = condition === 'off' ? undefined : await startRedis();
  if (redis) onTestFinished(() => redis.stop());
  const lines: string[] = [];
  const write = (_details: object, message: string) => void lines.push(message);
  const app = await startApp({
    dataDir: tempDir('dm-automation'),
    environment: redis ? { REDIS_URL: redis.url } : {},
    logger: { debug: () => {}, info: write, warn: write, error: write },
    secrets: SECRETS,
    port: 0,
  });
  onTestFinished(() => app.close());
  if (redis) await app.spillway.caches.ready(5_000);
  if (condition === 'hung') redis?.pause();
  if (condition === 'killed') await redis?.kill();
  return { app, lines };
}

/** Sends, and waits until all of it is answered. */
async function answered(app: App, deliveries: Parameters<typeof replay>[1]) {
  const { ids, refused } = await replay(app.url, deliveries, SECRETS);
  expect(refused).toBe(0);
  await vi.waitFor(() => expect(app.store.recordedJobs()).toHaveLength(ids.length), WAIT);
  return app.store.answers();
}

it('gives the same answers with Redis off, on, hung and killed', async () => {
  // The same ids in all four, so that answers can be told apart by them.
  const deliveries = [...githubDeliveries('run').filter((_, n) => n % 4 === 0), ...metaDeliveries('run')];
  const found = await Promise.all(
    conditions.map(async condition => answered((await appWithRedis(condition)).app, deliveries)),
  );
  const [off, ...others] = found;
  expect(off?.size).toBeGreaterThan(90);
  expect([...(off?.values() ?? [])].filter(({ reply }) => reply !== null).length).toBeGreaterThan(10);
  for (const other of others) expect(other).toEqual(off);
});

it.each(['off', 'hung'] as const)('obeys a "stop" at once, Redis %s', async condition => {
  const { app } = await appWithRedis(condition);
  const said: string[] = [];
  /** What is answered to a direct message. */
  const say = async (text: string) => {
    const mid = `said-${said.push(text)}`;
    await post(app.url, metaMessages(instagramMessage(mid, { text })));
    return vi.waitFor(() => {
      const answer = app.store.answers().get(`meta-${mid}`);
      expect(answer).toBeDefined();
      return answer?.reply ?? null;
    }, WAIT);
  };
  const hours = 'When are you open?';
  expect(await say(hours)).toMatch(/^Hello there/);
  expect([await say('Stop!'), await say(hours)]).toEqual([null, null]);
  expect([await say('start'), await say(hours)]).toEqual([null, expect.stringMatching(/^Hello there/)]);
});

it('is warm at the start, says so in a line, and shows what the cache does', async () => {
  const { app, lines } = await appWithRedis('off');
  expect(lines.filter(line => /^Warmed/.test(line))).toEqual(['Warmed 7 automations, 2 workspaces']);
  await answered(app, metaDeliveries('stats'));
  const stats = await (await fetch(`${app.url}/api/cache/stats`)).json();
  expect(stats).toMatchObject({
    redis: 'off',
    namespaces: [
      { name: 'automations', loads: 1 },
      { name: 'workspaces', loads: 0 },
      { name: 'contacts' },
      { name: 'user-state' },
    ],
  });
  const refused = await fetch(`${app.url}/api/cache/automations/invalidate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"all": true}',
  });
  expect(refused.status).toBe(403);
});
