import type { RedisClient } from '../redis/index.ts';
import { MAGIC } from './frame.ts';

/** What the scripts add to a client. Each touches one key, so that they run on a cluster as well. */
export interface Scripted {
  /** Stores a frame unless the key holds one of a newer version. 1 when stored, 0 when not. */
  spillwayCachePut(
    name: string,
    version: string,
    frame: Buffer,
    ms: number,
    channel: string,
  ): Promise<number>;
  /** Puts a tombstone in its place, unless it holds a newer frame. */
  spillwayCacheDelete(
    name: string,
    version: string,
    frame: Buffer,
    ms: number,
    channel: string,
  ): Promise<number>;
  /** The version a tag has; `version` where it has none yet. */
  spillwayCacheTag(name: string, version: string, ms: number): Promise<string>;
  /** Raises a tag to this version. */
  spillwayCacheInvalidate(name: string, version: string, ms: number, channel: string): Promise<number>;
}

/**
 * Whether the key holds a frame that is newer than ARGV[1]. A version more than a minute ahead of Redis's clock was made by
 * a clock that was wrong, and must not shut out everybody until that time has come.
 */
const NEWER = `
local function newer(key, version)
  local head = redis.pcall('GETRANGE', key, 0, ${MAGIC.length + 15})
  if type(head) ~= 'string' or #head < ${MAGIC.length + 16} or head:sub(1, ${MAGIC.length}) ~= '${MAGIC}' then return false end
  local held = head:sub(${MAGIC.length + 1})
  if held <= version then return false end
  local now = redis.call('TIME')
  return held <= string.format('%016.0f', (now[1] + 60) * 1000000 + now[2])
end
local function announce(channel, key)
  if channel ~= '' then redis.call('PUBLISH', channel, key) end
end
`;

const PUT = `${NEWER}
if newer(KEYS[1], ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
announce(ARGV[4], KEYS[1])
return 1
`;

/** A full Redis takes no tombstone, but still lets go of a value. */
const DELETE = `${NEWER}
if newer(KEYS[1], ARGV[1]) then return 0 end
local kept = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if type(kept) == 'table' and kept.err then redis.call('DEL', KEYS[1]) end
announce(ARGV[4], KEYS[1])
return 1
`;

const TAG = `
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and held:match('^%d+$') and #held == 16 then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`;

const INVALIDATE = `${NEWER}
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and #held == 16 and held >= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
announce(ARGV[3], KEYS[1])
return 1
`;

export function defineScripts(client: RedisClient): RedisClient & Scripted {
  const define = (name: keyof Scripted, lua: string) => client.defineCommand(name, { numberOfKeys: 1, lua });
  define('spillwayCachePut', PUT);
  define('spillwayCacheDelete', DELETE);
  define('spillwayCacheTag', TAG);
  define('spillwayCacheInvalidate', INVALIDATE);
  return client as RedisClient & Scripted;
}
