import type { RedisClient } from '../../redis/index.ts';
import { MAGIC } from '../entry/frame.ts';
import { FARTHEST_US } from '../entry/versions.ts';

/** Length of what a frame begins with: the mark and the version. */
const HEAD = MAGIC.length + 16;

/**
 * What the scripts add to a client. Each touches one key, so that they run on a cluster as well. Those that change something
 * answer 1 when it is done; a larger version where the key holds a newer one, which then stays.
 */
export interface Scripted {
  /** Stores a frame; 0 where it is older than `oldestMs` (0: any), 2 when stored in place of what is no text. */
  spillwayCachePut(
    name: string,
    version: string,
    frame: Buffer,
    ms: number,
    channel: string,
    oldestMs: number,
  ): Promise<number>;
  /** Puts a tombstone in its place. */
  spillwayCacheDelete(
    name: string,
    version: string,
    frame: Buffer,
    ms: number,
    channel: string,
  ): Promise<number>;
  /** Raises a tag to this version; one that it has already counts as newer. */
  spillwayCacheInvalidate(name: string, version: string, ms: number, channel: string): Promise<number>;
  /** The version a tag has; `version` where it has none yet. */
  spillwayCacheTag(name: string, version: string, ms: number): Promise<string>;
  /** Removes a lock that is still this owner's. */
  spillwayCacheUnlock(name: string, token: string): Promise<number>;
}

const SHARED = `
local function announce(channel, key)
  if channel ~= '' then redis.call('PUBLISH', channel, key) end
end
local function within(version, seconds)
  local now = redis.call('TIME')
  return version <= string.format('%016.0f', (now[1] + seconds) * 1000000 + now[2])
end
-- A version more than a minute ahead was made by a clock that was wrong, and must not rule until that time has come.
local function possible(version)
  return within(version, 60)
end
-- The version of the frame that the key holds, if that is newer.
local function newer(key, version)
  local head = redis.pcall('GETRANGE', key, 0, ${HEAD - 1})
  if type(head) ~= 'string' or #head < ${HEAD} or head:sub(1, ${MAGIC.length}) ~= '${MAGIC}' then return false end
  local held = head:sub(${MAGIC.length + 1})
  return held > version and possible(held) and tonumber(held)
end
-- The version a tag has, if any.
local function tagged(key)
  local held = redis.pcall('GET', key)
  return type(held) == 'string' and #held == 16 and held:match('^%d+$') and held
end
`;

const PUT = `${SHARED}
local held = newer(KEYS[1], ARGV[1])
if held then return held end
if ARGV[5] ~= '0' then
  local now = redis.call('TIME')
  if tonumber(ARGV[1]) < (now[1] * 1000 - ARGV[5]) * 1000 then return 0 end
end
local strange = redis.call('TYPE', KEYS[1]).ok
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
announce(ARGV[4], KEYS[1])
return (strange == 'string' or strange == 'none') and 1 or 2
`;

/** A full Redis takes no tombstone, but still lets go of a value. */
const DELETE = `${SHARED}
local held = newer(KEYS[1], ARGV[1])
if held then return held end
local kept = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if type(kept) == 'table' and kept.err then redis.call('DEL', KEYS[1]) end
announce(ARGV[4], KEYS[1])
return 1
`;

/** One that is farther ahead is a stranger's (see Versions): nothing would be newer. */
const TAG = `${SHARED}
local held = tagged(KEYS[1])
if held and within(held, ${FARTHEST_US / 1_000_000}) then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`;

const INVALIDATE = `${SHARED}
local held = tagged(KEYS[1])
if held and held >= ARGV[1] and possible(held) then return tonumber(held) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
announce(ARGV[3], KEYS[1])
return 1
`;

const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;

export function defineScripts(client: RedisClient): RedisClient & Scripted {
  const define = (name: keyof Scripted, lua: string) => client.defineCommand(name, { numberOfKeys: 1, lua });
  define('spillwayCachePut', PUT);
  define('spillwayCacheDelete', DELETE);
  define('spillwayCacheTag', TAG);
  define('spillwayCacheInvalidate', INVALIDATE);
  define('spillwayCacheUnlock', UNLOCK);
  return client as RedisClient & Scripted;
}
