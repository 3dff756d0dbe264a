import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { redisForTests, type TestServer } from '../../../test/servers/index.ts';
import { openRedis, type RedisClient, redisOptionsOf } from '../../redis/index.ts';
import { decodeFrame, encodeFrame, Flag } from '../entry/frame.ts';
import { versionText } from '../entry/versions.ts';
import { defineScripts, type Scripted } from './scripts.ts';

let server: TestServer;
let client: RedisClient & Scripted;
let key: string;
/** A version of a moment ago: one that is far ahead is taken for a wrong clock's. */
const now = Date.now() * 1000;

beforeEach(async () => {
  server = await redisForTests();
  client = defineScripts(openRedis({ ...redisOptionsOf(server.url), protocol: 2 }));
  key = `${server.prefix}:k`;
});

afterEach(async () => {
  client.disconnect();
  await server.stop();
});

function frame(version: number, text: string, flags = 0): Buffer {
  const payload = Buffer.from(text);
  return encodeFrame({ version, flags, ttlMs: 1, graceMs: 0, keyId: '', tags: [], payload });
}

const put = (version: number, text = '', oldestMs = 0) =>
  client.spillwayCachePut(key, versionText(version), frame(version, text), 60_000, '', oldestMs);
const remove = (version: number) =>
  client.spillwayCacheDelete(key, versionText(version), frame(version, '', Flag.tombstone), 60_000, '');
const invalidate = (version: number) => client.spillwayCacheInvalidate(key, versionText(version), 60_000, '');

/** What the key holds. */
async function held(): Promise<{ version: number; text: string; deleted: boolean }> {
  const { version, text, flags } = decodeFrame((await client.getBuffer(key)) ?? Buffer.alloc(0));
  return { version, text, deleted: flags === Flag.tombstone };
}

describe('a newer version stays, and is told', () => {
  it('to a value', async () => {
    expect(await put(now, 'new')).toBe(1);
    expect(await put(now - 1, 'old')).toBe(now);
    expect(await held()).toEqual({ version: now, text: 'new', deleted: false });
    // Which came again, or was made by the same process in its order.
    expect(await put(now, 'as new')).toBe(1);
    expect(await put(now + 1, 'newer')).toBe(1);
    expect(await held()).toMatchObject({ version: now + 1, text: 'newer' });
  });

  it('to a deletion, and a deletion to a value', async () => {
    await put(now);
    expect(await remove(now - 1)).toBe(now);
    expect(await held()).toMatchObject({ deleted: false });
    expect(await remove(now + 1)).toBe(1);
    expect(await put(now)).toBe(now + 1);
    expect(await held()).toMatchObject({ version: now + 1, deleted: true });
  });

  it('to an invalidation; an equal one, too: what was loaded since has that version', async () => {
    expect(await invalidate(now)).toBe(1);
    expect(await invalidate(now - 1)).toBe(now);
    expect(await invalidate(now)).toBe(now);
    expect(await client.get(key)).toBe(versionText(now));
    expect(await invalidate(now + 1)).toBe(1);
    expect(await client.spillwayCacheTag(key, versionText(now), 60_000)).toBe(versionText(now + 1));
  });
});

it('a version far ahead of the time of Redis does not rule', async () => {
  const ahead = now + 3_600_000_000;
  await put(ahead, 'of a wrong clock');
  expect(await put(now, 'right')).toBe(1);
  await put(ahead);
  expect(await remove(now)).toBe(1);
  expect(await held()).toMatchObject({ version: now, deleted: true });
  await client.del(key);
  await invalidate(ahead);
  expect(await invalidate(now)).toBe(1);
});

it('a loaded value that is older than a tombstone lasts is not stored', async () => {
  expect(await put(now - 240_000_000, 'slow', 239_000)).toBe(0);
  expect(await client.exists(key)).toBe(0);
  expect(await put(now - 230_000_000, 'slow', 239_000)).toBe(1);
});

it.each([
  ['bytes', () => client.set(key, 'SPW2 and so on, longer than a version'), 1],
  ['a hash', () => client.hset(key, 'a', 'b'), 2],
])('%s of a stranger make room', async (_, act, answer) => {
  await act();
  expect(await put(now, 'ours')).toBe(answer);
  expect(await held()).toMatchObject({ text: 'ours' });
  await client.del(key);
  await act();
  expect(await remove(now)).toBe(1);
  expect(await held()).toMatchObject({ deleted: true });
});
