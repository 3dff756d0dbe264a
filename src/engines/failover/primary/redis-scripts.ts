/*
 * The few commands of our own on BullMQ's keys. They follow BullMQ's scripts (dist/*​/commands): a job's state is which of the
 * queue's lists and sorted sets holds its id.
 */

/** KEYS active, wait, paused, prioritized, delayed, the job's hash; ARGV the id. */
export const RECLAIM = `
if redis.call('EXISTS', KEYS[6]) == 0 then return 0 end
if redis.call('LREM', KEYS[2], 1, ARGV[1]) > 0
  or redis.call('LREM', KEYS[3], 1, ARGV[1]) > 0
  or redis.call('ZREM', KEYS[4], ARGV[1]) > 0
  or redis.call('ZREM', KEYS[5], ARGV[1]) > 0 then
  redis.call('LPUSH', KEYS[1], ARGV[1])
  return 1
end
return 0
`;

/** KEYS the job's hash; ARGV fields and values. One that was de-duplicated is not there, and stays away. */
export const HISTORY = {
  name: 'spillwayHistory',
  keys: 1,
  lua: `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], unpack(ARGV)) end
`,
} as const;

/** KEYS the queue's schedulers, the scheduler's hash; ARGV its id, its next run, fields and values. One that is there stays. */
export const SCHEDULER = {
  name: 'spillwayScheduler',
  keys: 2,
  lua: `
if redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1]) == 1 then
  redis.call('HSET', KEYS[2], unpack(ARGV, 3))
end
`,
} as const;

/**
 * KEYS the queue's schedulers, the scheduler's hash, delayed, wait, paused, prioritized, the hash of the job it has planned;
 * ARGV its id, that job's id, its next run, fields and values. What was planned goes, unless it has been begun.
 */
export const SUPERSEDE = {
  name: 'spillwaySupersede',
  keys: 7,
  lua: `
local open = redis.call('ZREM', KEYS[3], ARGV[2]) + redis.call('LREM', KEYS[4], 1, ARGV[2])
  + redis.call('LREM', KEYS[5], 1, ARGV[2]) + redis.call('ZREM', KEYS[6], ARGV[2])
if open > 0 then
  local key = redis.call('HGET', KEYS[7], 'deid')
  key = key and string.sub(KEYS[1], 1, -#'repeat' - 1) .. 'de:' .. key
  if key and redis.call('GET', key) == ARGV[2] then redis.call('DEL', key) end
  redis.call('DEL', KEYS[7], KEYS[7] .. ':logs')
end
local made = tonumber(redis.call('HGET', KEYS[2], 'ic') or 1) - open
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
redis.call('HINCRBY', KEYS[2], 'ic', made)
`,
} as const;

/** What hangs on a job's key and goes with it. */
export const JOB_SUFFIXES = [
  '',
  ':logs',
  ':dependencies',
  ':processed',
  ':failed',
  ':unsuccessful',
  ':lock',
] as const;
