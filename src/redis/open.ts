import { Redis, type RedisOptions } from 'ioredis';
export function openRedis(options: RedisOptions): Redis {
  return new Redis(options as never);
}
export function redisOptionsOf(given: string | RedisOptions): RedisOptions {
  if (typeof given !== 'string') return given;
  const url = new URL(given);
  return {
    host: url.hostname,
    port: Number(url.port || 6379),
    ...(url.password ? { password: url.password } : {}),
  };
}
