import type { RedisTarget } from '../config/index.ts';
import { classifyFailure } from './failure.ts';
import { Link } from './link.ts';

/** No master to be had from the Sentinels of a group. */
export class SentinelError extends Error {
  override readonly name = 'SentinelError';
}

/**
 * The target with the master of its group as host and port. All Sentinels are asked at once and the first that knows wins,
 * so that one that hangs costs nothing (ioredis asks one after the other). The links are handed to `own` as they are made.
 */
export async function findMaster(
  target: RedisTarget,
  timeoutMs: number,
  own: (link: Link) => void,
): Promise<RedisTarget> {
  const { sentinels = [], name, natMap, enableTLSForSentinelMode, tls, ...rest } = target;
  const links: Link[] = [];
  const ask = async (sentinel: { host?: string; port?: number; family?: number }) => {
    const link = new Link(sentinelTarget(target, sentinel), timeoutMs);
    links.push(link);
    own(link);
    await link.opened;
    const answer = await link.client.call('sentinel', 'get-master-addr-by-name', name ?? '');
    if (!Array.isArray(answer)) throw new SentinelError(`no master of the name "${name}"`);
    return { host: String(answer[0]), port: Number(answer[1]) };
  };
  try {
    const master = await Promise.any(sentinels.map(sentinel => ask(definedOnly(sentinel))));
    const key = `${master.host}:${master.port}`;
    const mapped = typeof natMap === 'function' ? natMap(key) : natMap?.[key];
    return { ...rest, ...(mapped ?? master), ...(enableTLSForSentinelMode && tls ? { tls } : {}) };
  } catch (error) {
    throw mostTelling(error, sentinels.length);
  } finally {
    for (const link of links) link.destroy();
  }
}

function sentinelTarget(
  target: RedisTarget,
  {
    host = '127.0.0.1',
    port = 26_379,
    family = target.family,
  }: { host?: string; port?: number; family?: number },
): RedisTarget {
  const { sentinelUsername, sentinelPassword, sentinelTLS } = target;
  return {
    host,
    port,
    ...(family === undefined ? {} : { family }),
    ...(sentinelUsername === undefined ? {} : { username: sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
    ...(sentinelTLS === undefined ? {} : { tls: sentinelTLS }),
  };
}

function mostTelling(error: unknown, count: number): SentinelError {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const unknownName = errors.find(each => each instanceof SentinelError);
  if (unknownName instanceof SentinelError) return unknownName;
  const login = errors.find(each => ['noauth', 'wrongpass', 'noperm'].includes(classifyFailure(each)));
  if (login !== undefined) return new SentinelError('the Sentinels want a password', { cause: login });
  return new SentinelError(`none of ${count} Sentinels answers`, { cause: errors[0] });
}

function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
