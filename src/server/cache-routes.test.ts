import Fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RedisOptions, startRedis } from '../../test/servers/index.ts';
import { createSpillway, type SpillwayOptions } from '../spillway.ts';
import { type Authorize, breakerRoutes, cacheRoutes } from './index.ts';

const TOKEN = 'Bearer let-me';
const withToken: Authorize = ({ headers }) => headers.authorization === TOKEN;

/** Stopped after whatever is opened on it later was closed. */
async function redisUntilTheEnd(options?: RedisOptions) {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

async function serve(options: SpillwayOptions = {}, authorize: Authorize | null = withToken) {
  const spillway = createSpillway({
    sqlite: { file: ':memory:' },
    environment: {},
    logger: false,
    handleSignals: false,
    ...options,
  });
  const app = Fastify({ forceCloseConnections: true });
  onTestFinished(async () => {
    await app.close();
    await spillway.close();
  });
  await app.register(cacheRoutes, { spillway, ...(authorize && { authorize }) });
  return { app, spillway };
}

const post = (app: FastifyInstance, name: string, payload: unknown, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: `/api/cache/${name}/invalidate`,
    headers: { authorization: TOKEN, 'content-type': 'application/json', ...headers },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });

async function withLeads() {
  const { app, spillway } = await serve();
  let loads = 0;
  const lead = spillway.cache<number, { id: number }>('lead', {
    ttl: '1h',
    load: id => {
      loads++;
      return { id };
    },
    tags: ({ id }) => [id % 2 === 0 ? 'even' : 'odd'],
  });
  const ids = [1, 2, 3, 4];
  const loadsAfter = async () => {
    const before = loads;
    await lead.getMany(ids);
    return loads - before;
  };
  await lead.getMany(ids);
  return { app, loadsAfter };
}

it.each<[object, object, number]>([
  [{ key: 1 }, { keys: 1 }, 1],
  [{ key: '1' }, { keys: 1 }, 1],
  [{ keys: [1, '2', 9] }, { keys: 3 }, 2],
  [{ tag: 'even' }, { tag: 'even' }, 2],
  [{ all: true }, { all: true }, 4],
])('invalidates %j', async (body, invalidated, loads) => {
  const { app, loadsAfter } = await withLeads();
  expect(await loadsAfter()).toBe(0);
  const answer = await post(app, 'lead', body);
  expect([answer.statusCode, answer.json()]).toEqual([200, { name: 'lead', invalidated }]);
  expect(await loadsAfter()).toBe(loads);
});

it('tells what each namespace did, to whom the application lets in', async () => {
  const { app, loadsAfter } = await withLeads();
  await loadsAfter();
  const stats = (await app.inject('/api/cache/stats')).json();
  expect(stats).toMatchObject({
    enabled: true,
    redis: 'off',
    namespaces: [{ name: 'lead', misses: 4, memoryHits: 4, loads: 4, items: 4, hitRate: { minutes1: 0.5 } }],
  });
});

describe('answers', () => {
  it.each<[string, unknown, Record<string, string>, number]>([
    ['nobody, without a token', { all: true }, { authorization: 'Bearer guess' }, 403],
    ['no page of another site', { all: true }, { 'sec-fetch-site': 'cross-site' }, 403],
    ['no page of a neighbour', { all: true }, { 'sec-fetch-site': 'same-site' }, 403],
    ['no other origin', { all: true }, { origin: 'https://evil.example' }, 403],
    ['no sandboxed page', { all: true }, { origin: 'null' }, 403],
    ['its own page', { all: true }, { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:80' }, 200],
    ['no JSON that calls itself text', { all: true }, { 'content-type': 'text/plain' }, 415],
    ['no unknown field', { all: true, limit: 1e9 }, {}, 400],
    ['no two wishes', { key: 1, all: true }, {}, 400],
    ['no empty list', { keys: [] }, {}, 400],
    ['no endless list', { keys: Array.from({ length: 1001 }, (_, n) => n) }, {}, 400],
    ['no NaN', '{"key": NaN}', {}, 400],
    ['no nothing', '', {}, 400],
    ['no null', 'null', {}, 400],
    ['no false', { all: false }, {}, 400],
    ['no __proto__', '{"__proto__": {"polluted": 1}, "all": true}', {}, 400],
    ['no constructor', '{"all": true, "constructor": {"prototype": {"polluted": 1}}}', {}, 400],
    ['no depth', `{"key": ${'['.repeat(30_000)}${']'.repeat(30_000)}}`, {}, 400],
    ['no key of a shape it does not take', { key: { a: 1 } }, {}, 400],
    ['nothing that is too large', { key: 'x'.repeat(65 * 1024) }, {}, 413],
  ])('%s', async (_whom, body, headers, status) => {
    const { app, loadsAfter } = await withLeads();
    expect((await post(app, 'lead', body, headers)).statusCode).toBe(status);
    expect(await loadsAfter()).toBe(status === 200 ? 4 : 0);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each(['other', '__proto__', 'constructor', 'x'.repeat(90)])('404 for %s', async name => {
    const { app } = await withLeads();
    expect((await post(app, name, { all: true })).statusCode).toBe(404);
  });

  it('403 always, when nobody said who may', async () => {
    const { app } = await serve({}, null);
    const answer = await post(app, 'lead', { all: true });
    expect([answer.statusCode, answer.json().message]).toEqual([403, expect.stringContaining('authorize')]);
  });
});

it.each([cacheRoutes, breakerRoutes])(
  '%s: options they do not have, and the lack of a Spillway, are refused',
  async routes => {
    const { spillway } = await serve();
    for (const [options, message] of [
      [{}, 'Option spillway of these routes must be what createSpillway made'],
      [{ spillway: {} }, 'Option spillway'],
      [
        { spillway, authorise: () => true },
        'Option authorise of these routes must be absent: there is no such option',
      ],
      [{ spillway, authorize: true }, 'Option authorize of these routes must be a function'],
    ] as const) {
      const app = Fastify();
      onTestFinished(() => app.close());
      await expect(app.register(routes, options as never)).rejects.toMatchObject({
        code: 'SPILLWAY_INVALID_OPTION',
        message: expect.stringContaining(message),
      });
    }
    const app = Fastify();
    onTestFinished(() => app.close());
    await app.register(routes, { spillway, prefix: '/ops', logLevel: 'warn' });
  },
);

it('over real HTTP: the same, also with a Redis that hangs, and no secret in any answer', async () => {
  const password = 'pa55-of-the-cache';
  const redis = await redisUntilTheEnd({ args: ['--requirepass', password] });
  const { app, spillway } = await serve({ redis: redis.url, sqlite: { file: ':memory:' } });
  const lead = spillway.cache<number, number>('lead', { ttl: '1h', load: id => id * 2 });
  await lead.get(1);
  await spillway.caches.ready(5_000);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  redis.pause();
  const invalidated = await fetch(`${url}/api/cache/lead/invalidate`, {
    method: 'POST',
    headers: { authorization: TOKEN, 'content-type': 'application/json' },
    body: '{"keys": [1, 2, 3, 4]}',
  });
  expect(invalidated.status).toBe(200);
  const stats = await (await fetch(`${url}/api/cache/stats`)).text();
  expect(JSON.parse(stats)).toMatchObject({ namespaces: [{ name: 'lead', deletes: 4 }] });
  expect(stats + (await invalidated.text())).not.toContain(password);
  redis.resume();
  await expect.poll(() => spillway.caches.stats().redis, { timeout: 10_000 }).toBe('up');
});
