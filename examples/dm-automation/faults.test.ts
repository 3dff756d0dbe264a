import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { App } from './app.ts';
import {
  githubDeliveries,
  instagramComment,
  instagramMessage,
  metaChanges,
  metaMessages,
  storyMention,
} from './payloads.ts';
import {
  ENGINES,
  endChild,
  githubDelivery,
  outputOf,
  type Place,
  placeFor,
  post,
  startTestApp,
} from './testing.ts';

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function place(engine: (typeof ENGINES)[number]): Promise<Place> {
  const at = await placeFor(engine);
  ended.push(at.release);
  return at;
}

async function app(at: Place, options: Parameters<typeof startTestApp>[1] = {}): Promise<App> {
  const started = await startTestApp(at, options);
  ended.push(started.close);
  return started;
}

describe.each(ENGINES)('on %s', engine => {
  it('processes story before comment before dm before the rest, in order of arrival within each', async () => {
    const { url, worker, store } = await app(await place(engine), {
      worker: { autorun: false, concurrency: 1 },
    });
    const dm = (mid: string) => post(url, metaMessages(instagramMessage(mid, { text: 'hello' })));
    const comment = (id: string) => post(url, metaChanges(instagramComment(id, 'ada', 'price?')));
    const story = (mid: string) => post(url, metaMessages(storyMention(mid)));
    const answers = [
      await post(url, githubDelivery('ping')),
      await dm('dm1'),
      await comment('comment1'),
      await story('story1'),
      await dm('dm2'),
      await comment('comment2'),
      await story('story2'),
    ];
    expect(answers.map(answer => answer.status)).toEqual(answers.map(() => 202));
    void worker.run();
    const order = ['story1', 'story2', 'comment1', 'comment2', 'dm1', 'dm2'].map(key => `meta-${key}`);
    await vi.waitFor(() => expect(store.recordedJobs()).toEqual([...order, 'github-ping']));
  });

  it('takes a delivery once, also when it comes again after a restart', async () => {
    const at = await place(engine);
    const first = await startTestApp(at, { worker: { autorun: false } });
    expect((await post(first.url, githubDelivery('again'))).status).toBe(202);
    await first.close();
    const second = await app(at);
    expect(await post(second.url, githubDelivery('again'))).toMatchObject({
      status: 202,
      body: { id: 'github-again' },
    });
    await vi.waitFor(() => expect(second.store.recordedJobs()).toEqual(['github-again']));
    expect((await second.spillway.stats()).queues).toMatchObject({ webhooks: { total: 1 } });
  });
});

it('closes in bounded time though a sender holds its connection with half a request', async () => {
  const at = await place('sqlite');
  const started = await startTestApp(at, { graceMs: 50 });
  const socket = connect(started.port, '127.0.0.1');
  socket.on('error', () => {}); // being cut off is what we wait for
  const cutOff = once(socket, 'close');
  socket.write('POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{');
  // An answer on another connection shows that the server has read ours.
  expect((await post(started.url, githubDelivery('other'))).status).toBe(202);
  await started.close();
  socket.resume();
  await cutOff;
});

describe.each(ENGINES)('kill -9 on %s', engine => {
  const life = async (at: Place, worker: object) => {
    const script = new URL('./testing-child.ts', import.meta.url).pathname;
    const { dataDir, redis, environment } = at;
    const argument = JSON.stringify({ dataDir, redis, environment, worker });
    const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    ended.push(() => endChild(child, 'SIGKILL'));
    const url = /http:\S+/.exec(await outputOf(child, '\n'))?.[0] ?? '';
    return { url, kill: () => endChild(child, 'SIGKILL'), exited };
  };

  /** Sends until the server is gone; resolves to the ids it acknowledged. */
  const flood = async (url: string, kill: () => unknown, killAfter: number) => {
    const acknowledged: string[] = [];
    const deliveries = githubDeliveries('kill').values();
    const sender = async () => {
      for (const delivery of deliveries) {
        const answer = await post(url, delivery).catch(() => undefined);
        if (answer === undefined) return; // killed: unknown, not acknowledged
        expect(answer.status).toBe(202);
        if (acknowledged.push(String(answer.body.id)) === killAfter) kill();
      }
    };
    await Promise.all(Array.from({ length: 16 }, sender));
    return acknowledged;
  };

  const SHORT_LOCK = { lockDuration: 1000, stalledInterval: 500 };

  it.each([
    ['before any was processed', { autorun: false }],
    ['while they were being processed', { concurrency: 4, ...SHORT_LOCK }],
  ])('loses no acknowledged webhook when killed %s', async (_when, firstWorker) => {
    const at = await place(engine);
    const first = await life(at, firstWorker);
    const acknowledged = await flood(first.url, first.kill, 100);
    await first.exited;
    expect(acknowledged.length).toBeGreaterThanOrEqual(100);

    const second = await app(at, { worker: SHORT_LOCK });
    await vi.waitFor(
      () =>
        expect(new Set(second.store.recordedJobs())).toEqual(
          new Set([...second.store.recordedJobs(), ...acknowledged]),
        ),
      { timeout: 20_000, interval: 100 },
    );
    const recorded = second.store.recordedJobs();
    expect(recorded).toHaveLength(new Set(recorded).size);
  });
});

it('answers 503 with Retry-After, in bounded time, when nothing can be stored; and recovers', async () => {
  const at = await place('redis');
  const errors: unknown[] = [];
  const server = { deadlineMs: 200, onError: (error: unknown) => errors.push(error) };
  const { url, store } = await app(at, { server });
  const pid = Number(/process_id:(\d+)/.exec(await redisInfo(at.redis!))?.[1]);
  process.kill(pid, 'SIGSTOP');
  try {
    const answer = await post(url, githubDelivery('hung'));
    expect(answer).toMatchObject({ status: 503, body: { code: 'SPILLWAY_WEBHOOK_NOT_PERSISTED' } });
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(errors).toHaveLength(1);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await vi.waitFor(async () => expect((await post(url, githubDelivery('hung'))).status).toBe(202));
  await vi.waitFor(() => expect(store.recordedJobs()).toEqual(['github-hung']));
});

async function redisInfo(url: string): Promise<string> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(url);
  try {
    return await redis.info('server');
  } finally {
    redis.disconnect();
  }
}
