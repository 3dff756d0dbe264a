import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DURABLE, type RedisOptions, startRedis } from '../../test/servers/index.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createCache } from '../cache/index.ts';
import { openSessions, type SessionData, type Sessions, type SessionsOptions } from './index.ts';

const DAY = 86_400_000;
const WAIT = { timeout: 10_000 };

function open(options: Partial<SessionsOptions> = {}): Sessions & { file: string } {
  const file = options.file ?? join(tempDir('sessions'), 'sessions.db');
  const sessions = openSessions({ ...options, file });
  onTestFinished(() => sessions.close());
  return Object.assign(sessions, { file });
}

/** Stopped after whatever is opened on it later was closed. */
async function redisUntilTheEnd(options?: RedisOptions) {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

/** What the one session of a file is kept under. */
function keyIn(file: string): { key: string } {
  const db = new DatabaseSync(file);
  const row = db.prepare('SELECT key FROM session').get();
  db.close();
  return { key: String(row?.key) };
}

/** A time of day that the test moves. */
function movedClock() {
  let at = 1_700_000_000_000;
  return {
    now: () => at,
    monotonic: () => performance.now(),
    pass: (ms: number) => {
      at += ms;
    },
  };
}

const session = (user: string, expires?: number): SessionData & { user: string } => ({
  user,
  cookie: {
    originalMaxAge: expires === undefined ? null : DAY,
    expires: expires === undefined ? null : new Date(expires),
  },
});

it.each<[unknown, string]>([
  [{}, 'Option file of sessions must be a path, or ":memory:"; received undefined'],
  [{ file: '' }, 'Option file of sessions'],
  [
    { file: ':memory:', tll: '1d' },
    'Option tll of sessions must be absent: there is no such option (did you mean ttl? there are file',
  ],
  [{ file: ':memory:', ttl: 'a day' }, 'Option ttl of sessions'],
  [
    { file: ':memory:', cache: {} },
    'Option cache of sessions must be spillway.caches, or what createCache made',
  ],
])('sessions of %j are refused', (options, message) => {
  expect(() => openSessions(options as SessionsOptions)).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(message) }),
  );
});

describe('a session', () => {
  it('comes back as plain data, the end of its cookie included, a copy each time', async () => {
    const clock = movedClock();
    const sessions = open({ clock });
    const end = clock.now() + DAY;
    await sessions.set('a', session('ada', end));
    const one = await sessions.get('a');
    expect(one).toEqual({
      user: 'ada',
      cookie: { originalMaxAge: DAY, expires: new Date(end).toISOString() },
    });
    expect(await sessions.get('a')).not.toBe(one);
    await sessions.set('b', session('eve'));
    expect(await sessions.get('b')).toEqual({ user: 'eve', cookie: { originalMaxAge: null, expires: null } });
    expect(await sessions.get('c')).toBe(null);
  });

  it('ends with its cookie, or after ttl, and rolls on with a touch', async () => {
    const clock = movedClock();
    const sessions = open({ clock, ttl: '1h' });
    await sessions.set('cookie', session('ada', clock.now() + DAY));
    await sessions.set('ttl', session('eve'));
    clock.pass(3_599_000);
    expect(await sessions.get('ttl')).not.toBe(null);
    await sessions.touch('ttl', session('stale content'));
    clock.pass(3_599_000);
    expect(await sessions.get('ttl')).toMatchObject({ user: 'eve' });
    clock.pass(1_000);
    expect(await sessions.get('ttl')).toBe(null);
    clock.pass(DAY);
    expect(await sessions.get('cookie')).toBe(null);
  });

  it('is not written again for a little more life', async () => {
    const clock = movedClock();
    const sessions = open({ clock });
    const written = () => {
      const db = new DatabaseSync(sessions.file);
      const row = db.prepare('SELECT expires, version FROM session').get();
      db.close();
      return row;
    };
    await sessions.set('a', session('ada', clock.now() + DAY));
    const first = written();
    clock.pass(59_000);
    await sessions.set('a', session('ada', clock.now() + DAY));
    await sessions.touch('a', session('ada', clock.now() + DAY));
    expect(written()).toEqual(first);
    clock.pass(2_000);
    await sessions.set('a', session('ada', clock.now() + DAY));
    expect(written()).toEqual({ version: first?.version, expires: clock.now() + DAY });
    await sessions.set('a', session('eve', clock.now() + DAY));
    expect(written()?.version).toBeGreaterThan(Number(first?.version));
  });

  it('that was destroyed stays so: a request that was under way saves and touches it in vain', async () => {
    const sessions = open();
    const other = open({ file: sessions.file });
    await sessions.set('a', session('ada'));
    await other.destroy('a');
    await sessions.set('a', session('ada, with something in the cart'));
    await sessions.touch('a', session('ada'));
    expect([await sessions.get('a'), await other.get('a')]).toEqual([null, null]);
    // Also when nobody here has ever heard of it.
    await other.destroy('b');
    await sessions.set('b', session('eve'));
    expect(await sessions.get('b')).toBe(null);
    expect(await sessions.stats()).toMatchObject({ sessions: 0, destroyed: 2 });
  });

  it.each<[string, unknown]>([
    ['a BigInt', { n: 1n }],
    ['more than 1 MiB', { text: 'x'.repeat(1 << 20) }],
    ['nothing at all', undefined],
  ])('of %s is refused', async (_what, value) => {
    await expect(open().set('a', value as SessionData)).rejects.toMatchObject({
      code: 'SPILLWAY_SESSION_VALUE',
    });
  });

  it('loses what is called __proto__', async () => {
    const sessions = open();
    await sessions.set(
      '__proto__',
      JSON.parse('{"__proto__": {"admin": 1}, "a": {"__proto__": 1}, "cookie": {}}'),
    );
    const found = await sessions.get('__proto__');
    expect(JSON.stringify(found)).toBe('{"a":{},"cookie":{"expires":null}}');
    expect(({} as { admin?: number }).admin).toBeUndefined();
  });
});

describe('the file', () => {
  it('is for its owner only, and holds no id', async () => {
    const sessions = open();
    await sessions.set('the-secret-id', session('ada'));
    expect(statSync(sessions.file).mode & 0o777).toBe(0o600);
    const db = new DatabaseSync(sessions.file);
    expect(JSON.stringify(db.prepare('SELECT * FROM session').all())).not.toContain('the-secret-id');
    db.close();
  });

  it.each([
    [{ ttl: 0 }, 'ttl'],
    [{ ttl: '2y' }, 'ttl'],
    [{ maxSessions: 0 }, 'maxSessions'],
    [{ file: '' }, 'file'],
    [{ whenUnknown: 'error' as 'none' }, 'whenUnknown'],
    [{ whenunknown: 'none' } as object, 'whenunknown'],
  ])('options %j are refused', (options, name) => {
    expect(() => openSessions({ file: 'sessions.db', ...options })).toThrow(name);
  });
});

describe('with Redis', () => {
  it('newest wins after an outage in which both machines went on, and an end beats all', async () => {
    const redis = await redisUntilTheEnd({ args: DURABLE });
    const machine = () => {
      const cache = createCache({ redis: redis.url });
      onTestFinished(() => cache.close());
      return { cache, sessions: open({ cache }) };
    };
    const [here, there] = [machine(), machine()];
    await Promise.all([here.cache.ready(5_000), there.cache.ready(5_000)]);
    await here.sessions.set('cart', session('empty'));
    await here.sessions.set('ended', session('ada'));
    // On a busy machine Redis may miss its deadline once.
    await expect.poll(() => there.sessions.get('cart'), WAIT).toMatchObject({ user: 'empty' });
    await expect.poll(() => there.sessions.get('ended'), WAIT).toMatchObject({ user: 'ada' });
    await redis.kill();
    await there.sessions.set('cart', session('one'));
    // Of the same millisecond either may be the newer.
    const first = Date.now();
    await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(first);
    await here.sessions.set('cart', session('two'));
    await here.sessions.destroy('ended');
    await there.sessions.set('ended', session('ada goes on'));
    await redis.restart();
    for (const { sessions } of [here, there]) {
      await expect.poll(() => sessions.get('cart'), WAIT).toMatchObject({ user: 'two' });
      await expect.poll(() => sessions.get('ended'), WAIT).toBe(null);
    }
  });

  it('what only it can know while it is away is refused, or there is no session, as the option says', async () => {
    const redis = await redisUntilTheEnd();
    const machine = (options: Partial<SessionsOptions> = {}) => {
      const cache = createCache({ redis: redis.url });
      onTestFinished(() => cache.close());
      return { cache, sessions: open({ cache, ...options }) };
    };
    const [here, there, lax] = [machine(), machine(), machine({ whenUnknown: 'none' })];
    for (const { cache } of [here, there, lax]) await cache.ready(5_000);
    await here.sessions.set('a', session('ada'));
    await expect.poll(() => here.sessions.stats(), WAIT).toMatchObject({ unconfirmed: 0 });
    // Redis answers that there is none, and what is not ours is none.
    expect(await there.sessions.get('never')).toBe(null);
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    const key = `spillway:sessions:1:k:=${keyIn(here.sessions.file).key}`;
    const bytes = await client.getBuffer(key);
    await client.set(key, 'strange');
    expect(await there.sessions.get('a')).toBe(null);
    await client.set(key, bytes as Buffer);

    redis.pause();
    for (let n = 0; n < 5; n++) {
      await expect(there.sessions.get('a')).rejects.toMatchObject({
        ...{ code: 'SPILLWAY_SESSION_UNKNOWN', statusCode: 503, headers: { 'retry-after': '2' } },
      });
      expect(await lax.sessions.get('a')).toBe(null);
      expect(await here.sessions.get('a')).toMatchObject({ user: 'ada' });
    }
    // What ended here needs no asking.
    await there.sessions.destroy('b');
    expect(await there.sessions.get('b')).toBe(null);
    redis.resume();
    for (const { cache, sessions } of [there, lax]) {
      await cache.ready(5_000);
      await expect.poll(() => sessions.get('a').catch(() => null), WAIT).toMatchObject({ user: 'ada' });
    }
  });

  it('where the cache has none, nobody is refused', async () => {
    const cache = createCache();
    onTestFinished(() => cache.close());
    const sessions = open({ cache });
    expect(await sessions.get('a')).toBe(null);
    await sessions.set('a', session('ada'));
    expect(await sessions.get('a')).toMatchObject({ user: 'ada' });
  });

  it('the switch of the cache leaves sessions on', async () => {
    const redis = await redisUntilTheEnd();
    const machine = () => {
      const cache = createCache({ redis: redis.url, enabled: false });
      onTestFinished(() => cache.close());
      return { cache, sessions: open({ cache }) };
    };
    const [here, there] = [machine(), machine()];
    for (const { cache } of [here, there]) await cache.ready(5_000);
    await here.sessions.set('a', session('ada'));
    await expect.poll(() => here.sessions.stats(), WAIT).toMatchObject({ unconfirmed: 0 });
    await expect.poll(() => there.sessions.get('a').catch(() => null), WAIT).toMatchObject({ user: 'ada' });
  });

  it('a hung one is waited for no longer than its deadline, and what is not ours in it is no session', async () => {
    const redis = await redisUntilTheEnd();
    const cache = createCache({ redis: redis.url });
    onTestFinished(() => cache.close());
    const sessions = open({ cache });
    await cache.ready(5_000);
    await sessions.set('a', session('ada'));
    const client = new Redis(redis.url);
    const keys = await client.keys('*sessions*');
    for (const key of keys) await client.set(key, '{"version": 9e99, "body": 5}');
    client.disconnect();
    expect(keys.length).toBeGreaterThan(0);
    expect(await sessions.get('a')).toMatchObject({ user: 'ada' });
    // In the cache's own frame, with something else in it.
    const { key } = keyIn(sessions.file);
    const foreign = cache.namespace<string, unknown>('sessions', { ttl: 365 * DAY, memory: false });
    for (const value of [
      5,
      { version: 9e15, expires: 9e15, body: '{' },
      { version: 9e15, expires: 9e15, body: '5' },
    ]) {
      await foreign.set(key, value, { wait: true });
      expect(await sessions.get('a')).toMatchObject({ user: 'ada' });
    }
    redis.pause();
    // Each would hang for as long as Redis does.
    for (let n = 0; n < 20; n++) {
      await sessions.set('a', session(`ada ${n}`));
      expect(await sessions.get('a')).toMatchObject({ user: `ada ${n}` });
    }
    redis.resume();
    await expect.poll(() => cache.stats().redis, WAIT).toBe('up');
  });
});

it('makes room: the expired first, then those that end first, marks of destroyed ones last', async () => {
  const clock = movedClock();
  const { openCompanion } = await import('../engines/sqlite/index.ts');
  const { sessionTable } = await import('./table.ts');
  const table = openCompanion({ file: ':memory:' }, sessionTable);
  const now = clock.now();
  const left = await table.write(rows => {
    for (let n = 1; n <= 20; n++) rows.save(`s${n}`, { body: '{}', expires: now + n * 1_000 }, 1, now);
    rows.destroy('gone', 500, 1, now);
    while (rows.sweep(5, now + 3_000));
    return { counts: rows.counts(now), last: rows.get('s20', now), first: rows.get('s4', now) };
  });
  expect(left).toMatchObject({
    counts: { sessions: 5, destroyed: 0 },
    last: { key: 's20' },
    first: undefined,
  });
  await table.release();
});
