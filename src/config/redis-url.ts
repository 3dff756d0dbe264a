import type { RedisNode, RedisTarget } from './types.ts';

export const redisUrlRange =
  'redis://[user:password@]host[:port][/db], redis+sentinel://[user:password@]host[:port],…/<master name>[/db] or redis+cluster://[user:password@]host[:port],…; rediss in place of redis for TLS';

type Parsed = { options: RedisTarget } | { reason: string };

/**
 * Reads a Redis URL: `redis:` for one server, `redis+sentinel:` for the master of a Sentinel group, `redis+cluster:` for a
 * cluster; with `rediss` TLS is on, to the Sentinels too, and certificates are verified. User name and password are those
 * of Redis and percent-decoded (an ACL user is `user:password@`, the default user `:password@`). Ports where absent: 6379,
 * of Sentinels 26379. Gives a reason instead of options when the text is no such URL; the reason never repeats
 * any part of the text.
 */
export function parseRedisUrl(text: string): Parsed {
  const parts = /^(rediss?)(\+sentinel|\+cluster)?:\/\//i.exec(text);
  if (!parts) {
    return { reason: URL.canParse(text) ? `its scheme is none of ${schemes.join(', ')}` : 'it is not a URL' };
  }
  const tls = parts[1]?.toLowerCase() === 'rediss';
  const rest = text.slice(parts[0].length);
  switch (parts[2]?.toLowerCase()) {
    case '+sentinel':
      return parseSentinel(rest, tls);
    case '+cluster':
      return parseCluster(rest, tls);
    default:
      return parseSingle(text, tls);
  }
}

const schemes = ['redis:', 'rediss:', 'redis+sentinel:', 'redis+cluster:'];
const noDatabase = { reason: 'its path is not a database number' };

function parseSingle(text: string, tls: boolean): Parsed {
  if (!URL.canParse(text)) return { reason: 'it is not a URL' };
  const url = new URL(text);
  if (url.hostname === '') return { reason: 'it names no host' };
  const login = readLogin(url.username, url.password);
  if ('reason' in login) return login;
  const db = readDatabase(url.pathname.slice(1));
  if (!db) return noDatabase;
  return { options: { ...readNode(url, 6379), ...login, ...db, ...(tls ? { tls: {} } : {}) } };
}

function parseSentinel(text: string, tls: boolean): Parsed {
  const parsed = readList(text, 26_379);
  if ('reason' in parsed) return parsed;
  const [group = '', database = '', ...more] = parsed.path;
  const name = decoded(group);
  if (!name) return { reason: 'it names no master: redis+sentinel://host:26379/<name of the group>' };
  const db = readDatabase(database);
  if (!db || more.length > 0) return noDatabase;
  const secure = tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {};
  return { options: { sentinels: parsed.nodes, name, ...parsed.login, ...db, ...secure } };
}

function parseCluster(text: string, tls: boolean): Parsed {
  const parsed = readList(text, 6379);
  if ('reason' in parsed) return parsed;
  if (!/^0?$/.test(parsed.path.join('/'))) return { reason: 'a cluster has no database but 0' };
  return { options: { cluster: parsed.nodes, ...parsed.login, ...(tls ? { tls: {} } : {}) } };
}

/** `[user:password@]host[:port],host[:port]/path`, which no URL parser reads. */
function readList(
  text: string,
  port: number,
): { nodes: RedisNode[]; login: Login; path: string[] } | { reason: string } {
  if (/[?#]/.test(text)) return { reason: 'it has a query or a fragment, which mean nothing here' };
  const [authority = '', ...path] = text.split('/');
  const at = authority.lastIndexOf('@');
  const [username = '', ...password] = authority.slice(0, Math.max(at, 0)).split(':');
  const login = readLogin(username, password.join(':'));
  if ('reason' in login) return login;
  const nodes = authority
    .slice(at + 1)
    .split(',')
    .map(host => {
      const url = `redis://${host}`;
      return host !== '' && URL.canParse(url) ? readNode(new URL(url), port) : undefined;
    });
  if (nodes.some(node => !node?.host)) return { reason: 'one of its hosts is not host[:port]' };
  return { nodes: nodes as RedisNode[], login, path };
}

function readNode({ hostname, port }: URL, defaultPort: number): RedisNode {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? defaultPort : Number(port) };
}

type Login = { username?: string; password?: string };

function readLogin(user: string, secret: string): Login | { reason: string } {
  const [username, password] = [decoded(user), decoded(secret)];
  if (username === undefined || password === undefined) {
    return { reason: 'its user name or password is not percent-encoded correctly' };
  }
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function readDatabase(text: string): { db?: number } | undefined {
  if (text === '') return {};
  return /^\d{1,10}$/.test(text) ? { db: Number(text) } : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
